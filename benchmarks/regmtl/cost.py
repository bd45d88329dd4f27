"""What an arm costs: CPU time of its compiled program, relative to none.

    python benchmarks/regmtl/cost.py [--data digits] [--rounds 3]

Ten networks an arm train side by side, as in the study. The programs are compiled
first and then take turns, so that what else the machine does meets all of them alike;
a figure is the median over rounds of CPU time (user and system) by that of none.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

LANES, EPOCHS = 10, 12


def main() -> None:
    """Measure, and store the figures."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--data", default="digits")
    words.add_argument("--rounds", type=int, default=3)
    flags = words.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    from dataclasses import replace

    import studies
    from datasets import DATASETS
    from run import RESULTS

    from polytask.lab.studies.load_data import StudyData
    from polytask.lab.studies.schema import Run
    from polytask.lab.studies.side_by_side import SideBySide, Training
    from polytask.lab.studies.structure import values_of

    frame, kinds = DATASETS[flags.data].table()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.parquet"
        frame.to_parquet(table)
        study = studies.regularizers(
            flags.data, table, kinds, len(frame), studies.Effort()
        )
        rows = StudyData(study).first
    budget = replace(study.budget, epochs=EPOCHS, patience=EPOCHS)
    programs = {}
    for variant in study.variants:
        own = variant.settings
        trainings = [
            Training(Run("multi-task", variant.name, seed), own, 1e-3)
            for seed in range(LANES)
        ]
        values = [values_of(own, single=False)]
        program = SideBySide(
            rows, study.network, budget, own, values, LANES, curves=False
        )
        programs[variant.name] = (program, trainings)
        _spent(program, trainings)
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(flags.rounds):
        for name, each in programs.items():
            seconds[name].append(_spent(*each))
    plain = seconds["none"]
    cost = {
        name: round(
            statistics.median(a / b for a, b in zip(own, plain, strict=True)), 2
        )
        for name, own in seconds.items()
    }
    content = {"data": flags.data, "rounds": flags.rounds, "cost": cost}
    text = json.dumps(content, indent=1) + "\n"
    (RESULTS / "cost.json").write_text(text, encoding="utf-8")
    print(text)


def _spent(program: object, trainings: list[object]) -> float:
    start = time.process_time()
    for _ in program.train(trainings, lambda run, epoch: None):  # type: ignore[attr-defined]
        pass
    return time.process_time() - start


if __name__ == "__main__":
    main()
