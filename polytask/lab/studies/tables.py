"""Stored runs to the tables and files that reports read."""

import io
import math
from pathlib import Path
from typing import Any

import pandas as pd

from polytask._atomic import write_atomically
from polytask.lab.studies.plan import MULTI_TASK, SINGLE_TASK, Run
from polytask.lab.studies.store import Store, to_json
from polytask.lab.studies.summary import summarize

RESULTS = ("variant", "model", "task", "seed", "split", "metric", "value")
HISTORY = ("variant", "model", "task", "seed", "epoch", "split", "metric", "value")
GRADIENTS = ("variant", "seed", "epoch", "task", "other", "quantity", "value")
RUNS = (
    *("run_id", "variant", "model", "task", "seed", "best_epoch", "epochs"),
    *("parameters", "weights", "zeros", "seconds"),
)


def write_tables(store: Store) -> dict[str, Any]:
    """Write the tables, the summary and the best model of a study folder.

    All of it follows from `study.json` and the run files, so that it can be written
    again at any time, also while runs are missing. Rows are sorted and values stored
    exactly: the same runs give the same bytes, in whatever order they finished.

    Args:
        store: The folder.

    Returns:
        The summary, as in `summary.json`.
    """
    description = store.description()
    records = store.records(_runs(description, store.fit))
    folder = store.folder
    results = _frame(
        [
            [r.variant, r.model, task, r.seed, split, metric, _number(value)]
            for r, record in records.items()
            for task, split, metric, value in record["scores"]
        ],
        RESULTS,
    )
    history = _frame(
        [
            [r.variant, r.model, task, r.seed, epoch, split, metric, _number(value)]
            for r, record in records.items()
            for task, epoch, split, metric, value in record["history"]
        ],
        HISTORY,
    )
    gradients = _frame(
        [
            [r.variant, r.seed, *row[:-1], _number(row[-1])]
            for r, record in records.items()
            # Records of before the gradients were watched have none.
            for row in record.get("gradients", ())
        ],
        GRADIENTS,
    )
    runs = _frame(
        [[record[column] for column in RUNS] for record in records.values()], RUNS
    )
    summary = summarize(description, results)
    summary["missing"] = _missing(records)
    summary["warnings"] = sorted({w for r in records.values() for w in r["warnings"]})
    _write_parquet(folder / "results.parquet", results)
    _write_parquet(folder / "history.parquet", history)
    _write_parquet(folder / "runs.parquet", runs)
    _write_parquet(folder / "gradients.parquet", gradients)
    best = {
        variant["name"]: _best_run(records, variant["name"])
        for variant in description["variants"]
    }
    features = {
        name: {"seed": run.seed, **records[run]["features"]}
        for name, run in best.items()
        if run is not None
    }
    write_atomically(folder / "features.json", to_json(features))
    write_atomically(folder / "summary.json", to_json(summary))
    chosen = best.get(summary["best"])
    if chosen is not None and not store.fit:
        write_atomically(store.best_model_file, store.model_file(chosen).read_bytes())
    return summary


def _runs(description: dict[str, Any], fit: bool) -> list[Run]:
    models = [(MULTI_TASK, "")]
    if not fit:
        models += [(SINGLE_TASK, task["name"]) for task in description["tasks"]]
    return [
        Run(model, variant["name"], seed, task)
        for seed in description["seeds"]
        for variant in description["variants"]
        for model, task in models
    ]


def _frame(rows: list[list[Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    keys = [c for c in columns if c not in ("value", *RUNS[5:])]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _best_run(records: dict[Run, dict[str, Any]], variant: str) -> Run | None:
    candidates = [
        run for run in records if run.variant == variant and run.model == MULTI_TASK
    ]
    return min(
        candidates, key=lambda run: (records[run]["criterion"], run.seed), default=None
    )


def _missing(records: dict[Run, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every undefined metric once, with its reason and number of runs."""
    counted: dict[tuple[str, ...], int] = {}
    for record in records.values():
        for row in record["missing"]:
            counted[tuple(row)] = counted.get(tuple(row), 0) + 1
    keys = ("task", "split", "metric", "reason")
    return [
        {**dict(zip(keys, row, strict=True)), "runs": number}
        for row, number in sorted(counted.items())
    ]


def _write_parquet(path: Path, frame: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_atomically(path, buffer.getvalue())
