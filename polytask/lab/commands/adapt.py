"""`polytask adapt`: one more task for a stored model, from few rows."""

import argparse
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polytask.errors import UserError, nearest
from polytask.lab.commands import command_line
from polytask.lab.commands.applied import Applied
from polytask.lab.fitting import (
    Fitted,
    check_new_folder,
    new_folder,
    stored_preprocessor,
)
from polytask.lab.kinds import Task, is_labeled, parse_task
from polytask.lab.metrics import evaluate
from polytask.lab.studies.predictor import Predictor
from polytask.lab.studies.schema import (
    MULTI_TASK,
    Description,
    Record,
    Run,
    StoredTask,
    StoredVariant,
)
from polytask.lab.studies.store import Store, versions
from polytask.lab.tables.encode_targets import encode_labels, encode_targets
from polytask.meta.adaptation import Adaptation, Candidate, compare_adaptations
from polytask.meta.linear_head import KINDS
from polytask.models import MultiTaskModel

_VARIANT = "adapted"


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    name, kind = parse_task(flags.task)
    if kind not in KINDS:
        raise UserError(
            f"A task of kind {kind} cannot be added to a trained model."
            f"{nearest(kind, KINDS)} Accepted: {', '.join(KINDS)}."
        )
    source = Path(flags.run_folder)
    plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
    folder = Path(flags.out or f"{source}-{plain}")
    check_new_folder(folder, flags.overwrite)
    applied = Applied.read(flags)
    known = [task.name for task in applied.tasks]
    if name in known:
        raise UserError(
            f"The model has the task {name!r} already; its tasks are "
            f"{', '.join(known)}."
        )
    frame, x = applied.whole()
    (task,), labels = encode_targets(frame, {name: kind})
    y = labels[name]
    train, test = _rows(y, flags.rows, flags.seed)
    if np.all(y[train] == y[train][0]):
        raise UserError(
            f"All {len(train)} rows that were drawn for {name} have the same label; "
            "give more --rows or another --seed."
        )
    task = task.rules.fitted(task, y[train])
    start = time.perf_counter()
    adaptation = compare_adaptations(
        _multi_task(applied, source),
        name,
        (x[train], task.rules.targets(task, y[train])),
        kind=kind,
        method=flags.method,
        classes=len(task.classes) if kind == "multiclass" else None,
        folds=flags.folds,
        unlabeled=np.delete(x, train, axis=0),
        seed=flags.seed,
    )
    seconds = time.perf_counter() - start
    tasks = [*applied.tasks, task]
    measured, missing = _measured(frame, x, adaptation.model, tasks, train, test)
    record = Record.of(
        Run(MULTI_TASK, _VARIANT, flags.seed),
        scores=measured,
        missing=missing,
        seconds=round(seconds, 3),
        parameters=int(adaptation.model.count_params()),
    )
    store = Store.existing(source)
    description = _description(store, task, adaptation, flags, len(train), len(test))
    fitted = Fitted(description, stored_preprocessor(store), adaptation.model, record)
    with new_folder(folder, flags.overwrite) as aside:
        fitted.write(aside, command_line(flags, folder))
    applied.say_what_was_odd()
    Console().print(_compared(adaptation))
    Console().print(_scores(measured))
    print(f"Model:  {Store(folder, kind='fit').best_model_file}")
    print(f"Report: {folder / 'report.html'}")


def _multi_task(applied: Applied, source: Path) -> MultiTaskModel:
    if not isinstance(applied.model, MultiTaskModel):
        raise UserError(f"The model of {source} is no polytask.MultiTaskModel.")
    return applied.model


def _rows(
    y: np.ndarray, number: int | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to learn from and the labeled ones that are left."""
    labeled = np.flatnonzero(is_labeled(y))
    if number is None:
        return labeled, labeled[:0]
    if not 1 <= number <= len(labeled):
        raise UserError(
            f"--rows {number}; the table has {len(labeled)} rows with a label, so "
            f"accepted is an integer from 1 to {len(labeled)}."
        )
    mixed = np.random.default_rng(seed).permutation(labeled)
    return np.sort(mixed[:number]), np.sort(mixed[number:])


def _measured(
    frame: pd.DataFrame,
    x: np.ndarray,
    model: MultiTaskModel,
    tasks: list[Task],
    train: np.ndarray,
    test: np.ndarray,
) -> tuple[list[Any], list[Any]]:
    """Return the scores of a record, and why some are undefined.

    The new task is measured on the rows that it was learned from and on the others, a
    trained one on all rows of the table that have its label.
    """
    found = Predictor(x, tasks)(model)
    scores: list[Any] = []
    missing: list[Any] = []
    for task in tasks:
        is_new = task is tasks[-1]
        splits = {"test": np.arange(len(frame))}
        if is_new:
            splits = {"train": train, **({"test": test} if len(test) else {})}
        if task.name in frame.columns:
            labels = encode_labels(frame[task.name], task)
        else:
            labels = np.full(len(frame), task.rules.missing, task.rules.dtype)
        for split, rows in splits.items():
            values, reasons = evaluate(task, labels[rows], found[task.name][rows])
            scores += [
                (task.name, split, metric, None if metric in reasons else value)
                for metric, value in values.items()
            ]
            missing += [(task.name, split, m, why) for m, why in reasons.items()]
    return scores, missing


def _description(
    store: Store,
    task: Task,
    adaptation: Adaptation,
    flags: argparse.Namespace,
    train: int,
    test: int,
) -> Description:
    """Return what is stored of the request, in place of that of the trained run."""
    old = store.description()
    note = (
        f"{task.name} was added to the model of {store.folder} from {train} rows: "
        f"{_said(adaptation.chosen)}, chosen of {len(adaptation.candidates)} by "
        f"{flags.folds}-fold cross-validation. Of the trained tasks the outputs "
        f"changed by {max(adaptation.drift.values()):.2%} of their variance at most."
    )
    return msgspec.structs.replace(
        old,
        kind="fit",
        tasks=[*old.tasks, msgspec.convert(task.to_dict(), StoredTask)],
        variants=[StoredVariant(name=_VARIANT, title="Adapted model")],
        seeds=[flags.seed],
        title=f"{old.title or old.name}, and {task.name}",
        created_by=versions(),
        data={"source": str(Path(flags.table)), "rows": {"train": train, "test": test}},
        plain=None,
        baseline=None,
        notes=[*old.notes, note],
    )


def _said(candidate: Candidate) -> str:
    anchor = "the mean head" if candidate.anchor == "mean" else "zero"
    return f"{candidate.method}, strength {candidate.strength:.3g}, head from {anchor}"


def _compared(adaptation: Adaptation) -> Table:
    """Return the candidates, the best first, with what became of them."""
    table = Table(title="Loss on held-out rows")
    for heading in ("method", "strength", "head from", "loss", ""):
        is_number = heading in ("strength", "loss")
        table.add_column(heading, justify="right" if is_number else "left")
    for candidate in adaptation.candidates:
        drifted = [drift for other, drift in adaptation.too_far if other == candidate]
        remark = f"changes a trained task by {drifted[0]:.0%}" if drifted else ""
        table.add_row(
            candidate.method,
            f"{candidate.strength:.3g}",
            candidate.anchor,
            f"{candidate.loss:.4f}",
            "chosen" if candidate == adaptation.chosen else remark,
        )
    return table


def _scores(scores: list[Any]) -> Table:
    table = Table()
    for heading in ("task", "rows", "metric", "value"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for task, split, metric, value in scores:
        if value is not None:
            table.add_row(Text(task), split, metric, f"{value:.4f}")
    return table
