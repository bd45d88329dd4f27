"""CPU time, compile time and memory of trainings as lanes, and of the same one by one.

    python benchmarks/lanes.py [--widths 64 128 256] [--lanes 0 1 4 16 64] [--out FILE]

Networks of several widths train on digits for a few epochs, with dropout and L1 of
different strengths, in programs of 1 to 64 lanes, each in a process of its own on JAX.
`width_for` in `polytask/lab/studies/side_by_side.py` chooses the number of lanes; its
rule rests on this table, so it is put out of force here.

Columns: CPU milliseconds of one epoch of one network; CPU seconds until the first epoch
is done, which is building and compiling; the most memory resident. One by one, each
network is built and compiled anew, as `--lanes off` does.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

ALONE = 0
WIDTHS, LANES = (64, 128, 256), (ALONE, 1, 4, 16, 64)


def measured(width: int, lanes: int, epochs: int) -> dict[str, float]:
    """Return the times and memory of one program, or of networks one by one.

    Args:
        width: Units of the first shared layer; the second has half of them.
        lanes: Networks side by side; `ALONE` for one after the other.
        epochs: Of each network.
    """
    from polytask.lab.studies import Study, side_by_side
    from polytask.lab.studies.load_data import load_data
    from polytask.lab.studies.schema import MULTI_TASK, Run
    from polytask.lab.studies.train import train
    from polytask_options import Settings

    study = Study.load("digits")
    dataset, _ = load_data(study.data)
    network = replace(study.network, trunk=(width, width // 2))
    budget = replace(study.budget, epochs=epochs, patience=epochs)
    number = 2 if lanes == ALONE else lanes
    trainings = [
        side_by_side.Training(
            Run(MULTI_TASK, f"l1_{i}", i % 5),
            Settings(l1=1e-5 * (i + 1), dropout_trunk=0.5),
        )
        for i in range(number)
    ]
    first = 0.0
    start = time.process_time()
    if lanes == ALONE:
        for training in trainings:
            ended: list[float] = []
            train(
                dataset,
                dataset.tasks,
                network,
                budget,
                training.settings,
                training.run.seed,
                lambda _, ended=ended: ended.append(time.process_time()),
                evaluates=False,
            )
            first += ended[0] - start
            start = time.process_time()
            rest = (ended[-1] - ended[0]) / max(1, epochs - 1)
        first /= number
        each = 1e3 * rest
    else:
        side_by_side.CPU_BYTES = 2**62
        side_by_side.MOST_LANES["cpu"] = lanes
        program = side_by_side.SideBySide(
            dataset,
            network,
            budget,
            trainings[0].settings,
            [training.values for training in trainings],
            lanes,
        )
        ended = []
        list(program.train(trainings, lambda *_: ended.append(time.process_time())))
        first = ended[0] - start
        each = 1e3 * (ended[-1] - ended[0]) / max(1, epochs - 1) / lanes
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"epoch_ms": each, "first_s": first, "megabytes": kilobytes / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", nargs="+", type=int, default=WIDTHS)
    parser.add_argument(
        "--lanes", nargs="+", type=int, default=LANES, help=f"{ALONE}: one by one"
    )
    parser.add_argument("--epochs", type=int, default=20, help="of each network")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(*options.one, options.epochs)))
        return
    rows = []
    print(f"{'width':>6}{'lanes':>7}{'ms/epoch':>10}{'first s':>9}{'MB':>7}")
    for width in options.widths:
        for number in options.lanes:
            words = ["--one", str(width), str(number), "--epochs", str(options.epochs)]
            # One thread, so that CPU time and work are the same thing; nothing that an
            # earlier process compiled.
            environment = {
                **os.environ,
                "KERAS_BACKEND": "jax",
                "OMP_NUM_THREADS": "1",
                "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
            }
            environment.pop("JAX_COMPILATION_CACHE_DIR", None)
            answer = subprocess.run(
                [sys.executable, __file__, *words],
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
            row = {"width": width, "lanes": number, **json.loads(answer.stdout)}
            rows.append(row)
            name = str(number) if number else "alone"
            print(
                f"{width:>6}{name:>7}{row['epoch_ms']:>10.2f}{row['first_s']:>9.1f}"
                f"{row['megabytes']:>7.0f}",
                flush=True,
            )
    if options.out:
        text = json.dumps({"epochs": options.epochs, "rows": rows}, indent=1)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
