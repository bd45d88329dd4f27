"""Stored runs to the tables and files that reports read."""

import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from polytask._atomic import write_atomically
from polytask.lab.studies.schema import (
    BASELINES_FILE,
    COMPARED,
    FEATURES_FILE,
    GRADIENTS,
    GRADIENTS_FILE,
    HISTORY,
    HISTORY_FILE,
    MULTI_TASK,
    RELIABILITY,
    RELIABILITY_FILE,
    RESULTS,
    RESULTS_FILE,
    RUNS,
    RUNS_FILE,
    SINGLE_TASK,
    SUMMARY_FILE,
    Description,
    Record,
    Run,
    encoded,
    read_stored,
)
from polytask.lab.studies.store import Store
from polytask.lab.studies.summary import summarize
from polytask.lab.studies.summary_schema import BaselineModel, BaselineModels
from polytask_options.study import SPLIT_AND_SEED


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
    runs = _runs(description)
    # A fit has one run; without it nothing is left to tell of.
    fitted = description.kind == "fit"
    records = {run: store.read(run) for run in runs} if fitted else store.records(runs)
    folder = store.folder
    results = results_table(records.values())
    history = _frame(
        (
            (r.variant, r.model, task, r.seed, epoch, split, metric, _number(value))
            for r in records.values()
            for task, epoch, split, metric, value in r.history
        ),
        HISTORY,
    )
    gradients = _frame(
        (
            (r.variant, r.seed, *row, _number(value))
            for r in records.values()
            for *row, value in r.gradients
        ),
        GRADIENTS,
    )
    bins = _frame(
        (
            (r.variant, r.seed, *row)
            for r in records.values()
            for row in r.reliability
            if r.model == MULTI_TASK
        ),
        RELIABILITY,
    )
    runs = _frame(
        ([getattr(r, column) for column in RUNS] for r in records.values()), RUNS
    )
    summary = summarize(description, results, stored_baselines(folder))
    summary["missing"] = _missing(records.values())
    summary["warnings"] = sorted({w for r in records.values() for w in r.warnings})
    _write_parquet(folder / RESULTS_FILE, results)
    _write_parquet(folder / HISTORY_FILE, history)
    _write_parquet(folder / RUNS_FILE, runs)
    _write_parquet(folder / GRADIENTS_FILE, gradients)
    _write_parquet(folder / RELIABILITY_FILE, bins)
    # What is stored beside the models, such as the preprocessing, is of one split.
    usable = [run for run in records if run.seed == description.seeds[0]]
    if description.vary != SPLIT_AND_SEED:
        usable = list(records)
    best = {
        variant.name: _best_run({run: records[run] for run in usable}, variant.name)
        for variant in description.variants
    }
    features = {
        name: msgspec.structs.replace(used, seed=run.seed)
        for name, run in best.items()
        if run is not None and (used := records[run].features) is not None
    }
    write_atomically(folder / FEATURES_FILE, encoded(features))
    write_atomically(folder / SUMMARY_FILE, encoded(summary))
    chosen = best.get(summary["best"])
    if chosen is not None and description.kind in COMPARED:
        write_atomically(store.best_model_file, store.model_file(chosen).read_bytes())
    return summary


def stored_baselines(folder: Path) -> list[BaselineModel]:
    """Return the baselines of a study folder, none where it has none."""
    path = folder / BASELINES_FILE
    return read_stored(path, BaselineModels).models if path.exists() else []


def results_table(records: Iterable[Record]) -> pd.DataFrame:
    """Return the content of `results.parquet`."""
    return _frame(
        (
            (r.variant, r.model, task, r.seed, split, metric, _number(value))
            for r in records
            for task, split, metric, value in r.scores
        ),
        RESULTS,
    )


def _runs(description: Description) -> list[Run]:
    models = [(MULTI_TASK, "")]
    if description.kind in COMPARED:
        models += [(SINGLE_TASK, task.name) for task in description.tasks]
    return [
        Run(model, variant.name, seed, task)
        for seed in description.seeds
        for variant in description.variants
        for model, task in models
    ]


def _frame(rows: Iterable[Iterable[Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    keys = [c for c in columns if c not in ("value", *RUNS[5:])]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _best_run(records: dict[Run, Record], variant: str) -> Run | None:
    """Return the multi-task run with the smallest validation criterion."""
    candidates = {
        run: record.criterion
        for run, record in records.items()
        if run.variant == variant and run.model == MULTI_TASK
    }
    order = {
        run: (_number(criterion), run.seed) for run, criterion in candidates.items()
    }
    return min(order, key=lambda run: order[run], default=None)


def _missing(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return every undefined metric once, with its reason and number of runs."""
    counted: dict[tuple[str, ...], int] = {}
    for record in records:
        for row in record.missing:
            counted[row] = counted.get(row, 0) + 1
    keys = ("task", "split", "metric", "reason")
    return [
        {**dict(zip(keys, row, strict=True)), "runs": number}
        for row, number in sorted(counted.items())
    ]


def _write_parquet(path: Path, frame: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_atomically(path, buffer.getvalue())
