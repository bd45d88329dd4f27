"""Time of a proximal step: a training step with a penalty over the one without.

    python benchmarks/proximal_step.py [--quick] [--backends jax tensorflow torch] ...

The network of `step_time.py` with T = 3, Adam and `balancer="equal"`. L1 and the group
lasso act on the kernels of the three hidden layers, L2,1 and the trace norm on the
stack of the heads. Both steps run in processes of their own with one thread and take
turns; the ratio is that of their median CPU times. The target is below 1.10.
"""

import argparse

from timing.driver import Competitor, Field
from timing.network import Network

PENALTIES = ("l1", "group_lasso", "l21", "trace_norm")
NETWORK = Network("mlp", 3)


def measure(
    backend: str, penalties: list[str], repeats: int, seconds: float
) -> dict[str, tuple[float, float]]:
    """Return penalty → CPU seconds of a step without it and with it."""
    plain = Competitor("polytask", backend)
    penalized = Competitor("proximal", backend)
    found = {}
    with Field(NETWORK, [plain, penalized]) as field:
        base = field.build(plain, "equal")
        for penalty in penalties:
            times = {plain: base, penalized: field.build(penalized, penalty)}
            for competitor, cell in times.items():
                if cell.error:
                    raise SystemExit(f"{competitor}, {penalty}: {cell.error}")
            base.cpu.clear()
            field.take_turns(times, repeats, seconds)
            found[penalty] = (base.step, times[penalized].step)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--penalties", nargs="+", default=list(PENALTIES), choices=PENALTIES)
    add("--backends", nargs="+", default=["jax", "tensorflow", "torch"])
    add("--repeats", type=int, default=9, help="turns of each of the two steps")
    add("--seconds", type=float, default=0.3, help="CPU time of a turn")
    add("--quick", action="store_true", help="torch, two turns: does it run?")
    options = parser.parse_args()
    if options.quick:
        options.backends, options.repeats, options.seconds = ["torch"], 2, 0.0
    penalties = options.penalties
    print(f"| backend | no penalty, ms | {' | '.join(penalties)} |")
    print("|---" * (2 + len(penalties)) + "|")
    for backend in options.backends:
        found = measure(backend, penalties, options.repeats, options.seconds)
        ratios = [f"{with_it / without:.2f}" for without, with_it in found.values()]
        base = 1e3 * min(without for without, _ in found.values())
        print(f"| {backend} | {base:.1f} | {' | '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    main()
