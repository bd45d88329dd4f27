"""RegMTL: run the studies of `protocol.md`, and keep what they measured.

    python benchmarks/regmtl/run.py                        everything that is missing
    python benchmarks/regmtl/run.py --data enb,digits      some data sets
    python benchmarks/regmtl/run.py --minutes 60           begin nothing later
    python benchmarks/regmtl/run.py --quick --out runs/quick   does it work?

Killed at any time, the same command continues. Study folders go to --out, where
`polytask report` draws them; tables of all records go to benchmarks/regmtl/results/, or
beside the folders with --quick. `pages.py` writes the pages from these.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
#: Parts of which --arms takes some.
ARMS_OF = ("regularizers", "inventory", "alone")


def main() -> None:
    """Run what is asked for."""
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("--data", help="names of data sets, separated by commas")
    words.add_argument(
        "--parts", help="of regularizers, inventory, alone, default, balancers"
    )
    words.add_argument(
        "--arms", help=f"of {', '.join(ARMS_OF)}: names, or first; default: all"
    )
    words.add_argument("--draws", type=int, default=16, help="settings an arm tries")
    words.add_argument("--repeats", type=int, default=10, help="splits of every arm")
    words.add_argument("--out", type=Path, default=Path("runs/regmtl"))
    words.add_argument("--minutes", type=float, default=1e9, help="begin none later")
    words.add_argument("--quick", action="store_true", help="few rows, few arms")
    flags = words.parse_args()
    # Keras reads it when it is imported.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import studies
    from datasets import DATASETS, AbsentError
    from records import keep

    from polytask.lab.studies import run_study

    effort = (
        studies.QUICK if flags.quick else studies.Effort(flags.draws, flags.repeats)
    )
    results = flags.out / "results" if flags.quick else RESULTS
    names = list(studies.QUICK_DATA if flags.quick else DATASETS)
    if flags.data:
        names = flags.data.split(",")
    if unknown := set(names) - set(DATASETS):
        words.error(f"unknown: {sorted(unknown)}; known: {', '.join(DATASETS)}")
    asked = flags.parts.split(",") if flags.parts else list(studies.PARTS)
    if unknown := set(asked) - set(studies.PARTS):
        words.error(f"unknown: {sorted(unknown)}; known: {', '.join(studies.PARTS)}")
    start = time.monotonic()
    for part in asked:
        for name in names:
            if name not in studies.ONLY.get(part, names):
                continue
            if time.monotonic() - start > 60 * flags.minutes:
                print(f"{name}, {part}: not begun, out of time.", file=sys.stderr)
                continue
            try:
                frame, kinds = DATASETS[name].table()
            except AbsentError as absent:
                print(f"{name}: skipped, {absent}.", file=sys.stderr)
                continue
            if flags.quick:
                frame = frame.head(studies.QUICK_ROWS)
            folder = flags.out / part / name
            folder.parent.mkdir(parents=True, exist_ok=True)
            file = flags.out / f"{name}.parquet"
            frame.to_parquet(file)
            table = studies.Table(name, file, kinds, len(frame))
            study = studies.PARTS[part](table, effort)
            if flags.quick:
                models = replace(study.baselines, models=("constant", "linear"))
                study = replace(study, baselines=models)
                study = study.narrowed(studies.QUICK_ARMS[part], epochs=2)
            elif flags.arms and part in ARMS_OF:
                first = flags.arms == "first"
                arms = list(studies.FIRST) if first else flags.arms.split(",")
                study = study.narrowed(variants=arms)
            before = time.process_time()
            run_study(study, folder, jobs=0)
            spent = time.process_time() - before
            keep(folder, results, study.name, spent)
            print(json.dumps({"study": study.name, "cpu_seconds": round(spent)}))


if __name__ == "__main__":
    main()
