"""Time of a training step: polytask on three backends, its floor, and its peers.

    python benchmarks/step_time.py [--quick] [--networks mlp cnn] [--tasks 2 8 20] ...

Every competitor runs in a process of its own, with one thread; they make steps in
turn, and the figure is the median CPU time (user and system) of a step. CPU time,
because wall time on a shared machine measures the other users.

The *floor* is one forward pass, one backward pass through each head, T pull-backs and
the optimizer's step, without any balancing; *keras* and *torch* are the plain steps on
the sum of the losses. The rows are one method at one network and number of tasks.
TorchJD needs `torchjd[full]`, LibMTL the package of that name; a competitor that cannot
run is left out of its row, and the reason is printed.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from timing.driver import Competitor, Field, Times
from timing.network import Network
from timing.table import Measurements, report, step_table

METHODS = (
    "equal",
    "pcgrad",
    "cagrad",
    "mgda",
    "upgrad",
    "nash_mtl",
    "aligned_mtl",
    "famo",
)
#: Competitors whose step does not depend on the method.
BASELINES = ("floor", "keras", "torch floor", "torch")
ON_KERAS = ("polytask", "floor", "keras")
ON_TORCH = ("native", "torch floor", "torch", "torchjd", "libmtl")


def competitors(backends: list[str], solver: bool, by_hand: bool) -> list[Competitor]:
    """Return everyone who takes part; `by_hand`: PyTorch without Keras as well."""
    names = ON_KERAS + (("solver",) if solver else ())
    found = [Competitor(name, backend) for backend in backends for name in names]
    if by_hand and "torch" in backends:
        found += [Competitor(name, "torch") for name in ON_TORCH]
    return found


def measure(
    network: Network,
    methods: list[str],
    backends: list[str],
    options: argparse.Namespace,
) -> list[dict]:
    """Return one record for each method and competitor on a network."""
    records = []
    taking_part = competitors(
        backends, network.tasks == options.solver_tasks, not options.keras_only
    )
    with Field(network, taking_part) as field:
        fixed = {c: field.build(c, "") for c in taking_part if c.name in BASELINES}
        for method in methods:
            cells = {c: Times(build=t.build, error=t.error) for c, t in fixed.items()}
            for c in taking_part:
                if c.name not in BASELINES:
                    cells[c] = field.build(c, method)
            field.take_turns(cells, options.repeats, options.seconds)
            for c, times in cells.items():
                if times.error:
                    print(f"  {c} has no {method}: {times.error}")
                cell = {"network": network.name, "tasks": network.tasks}
                records.append({**cell, "method": method, **asdict(c), **asdict(times)})
            latest = Measurements(records[-len(cells) :])
            print(step_table(latest, (network.name, network.tasks)), flush=True)
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--networks", nargs="+", default=["mlp"], choices=["mlp", "cnn", "transformer"])
    add("--tasks", nargs="+", type=int, default=[2, 8, 20])
    add("--methods", nargs="+", default=list(METHODS))
    add("--backends", nargs="+", default=["jax", "tensorflow", "torch"])
    add("--repeats", type=int, default=7, help="turns of each competitor")
    add("--seconds", type=float, default=0.3, help="CPU time of a turn")
    add("--solver-tasks", type=int, default=20, help="T at which solvers are timed")
    add("--keras-only", action="store_true", help="no hand-written PyTorch loops")
    add("--output", type=Path, help="add the measurements to this file, as JSON lines")
    add("--tables", nargs="+", type=Path, help="print such files; measure nothing")
    add("--quick", action="store_true", help="torch, MGDA, T = 2: does it run?")
    options = parser.parse_args()
    if options.tables:
        lines = [line for path in options.tables for line in path.open()]
        print(report([json.loads(line) for line in lines]))
        return
    if options.quick:
        options.tasks, options.methods, options.backends = [2], ["mgda"], ["torch"]
        options.repeats, options.seconds, options.keras_only = 2, 0.0, True
    everything = []
    for name in options.networks:
        for tasks in options.tasks:
            network = Network(name, tasks)
            records = measure(network, options.methods, options.backends, options)
            everything += records
            if options.output:
                with options.output.open("a") as file:
                    file.writelines(json.dumps(r) + "\n" for r in records)
    print("\n" + report(everything))


if __name__ == "__main__":
    main()
