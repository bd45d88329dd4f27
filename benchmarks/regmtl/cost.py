"""What an arm costs: CPU time of its compiled program, relative to none.

    python benchmarks/regmtl/cost.py [--part inventory] [--data digits] [--rounds 3]

Ten networks an arm train side by side, as in the study. A few programs at a time, and
none's, are compiled first and then take turns, so that what else the machine does meets
all of them alike; a figure is the median over rounds of CPU time (user and system) by
that of none.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

LANES, EPOCHS = 10, 12
#: Programs in memory at a time.
TOGETHER = 8
#: Part of RegMTL → file of its figures.
FILES = {"regularizers": "cost.json", "inventory": "cost-inventory.json"}


def main() -> None:
    """Measure, and store the figures."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--part", choices=FILES, default="regularizers")
    words.add_argument("--data", default="digits")
    words.add_argument("--rounds", type=int, default=3)
    flags = words.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    from dataclasses import replace

    import jax
    import studies
    from datasets import DATASETS
    from run import RESULTS

    from polytask.lab.studies.load_data import StudyData
    from polytask.lab.studies.schema import Run
    from polytask.lab.studies.side_by_side import SideBySide, Training
    from polytask.lab.studies.structure import values_of

    frame, kinds = DATASETS[flags.data].table()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.parquet"
        frame.to_parquet(file)
        table = studies.Table(flags.data, file, kinds, len(frame))
        study = studies.PARTS[flags.part](table, studies.Effort())
        rows = StudyData(study).first
    budget = replace(study.budget, epochs=EPOCHS, patience=EPOCHS)

    def compiled(arm: str) -> tuple[object, list[object]]:
        own = study.variant(arm).settings
        trainings = [
            Training(Run("multi-task", arm, seed), own, 1e-3) for seed in range(LANES)
        ]
        values = [values_of(own, single=False)]
        program = SideBySide(
            rows, study.network, budget, own, values, LANES, curves=False
        )
        _spent(program, trainings)
        return program, trainings

    arms = [variant.name for variant in study.variants if variant.name != "none"]
    cost = {"none": 1.0}
    for first in range(0, len(arms), TOGETHER):
        names = ["none", *arms[first : first + TOGETHER]]
        programs = {name: compiled(name) for name in names}
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(flags.rounds):
            for name, each in programs.items():
                seconds[name].append(_spent(*each))
        for name in names[1:]:
            turns = zip(seconds[name], seconds["none"], strict=True)
            cost[name] = round(statistics.median(a / b for a, b in turns), 2)
            print(name, cost[name], flush=True)
        del programs
        jax.clear_caches()
    content = {"data": flags.data, "rounds": flags.rounds, "cost": cost}
    text = json.dumps(content, indent=1) + "\n"
    (RESULTS / FILES[flags.part]).write_text(text, encoding="utf-8")


def _spent(program: object, trainings: list[object]) -> float:
    start = time.process_time()
    for _ in program.train(trainings, lambda run, epoch: None):  # type: ignore[attr-defined]
        pass
    return time.process_time() - start


if __name__ == "__main__":
    main()
