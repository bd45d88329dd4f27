"""Arrays ready for training, with what is known about them."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.kinds import Task, is_labeled
from polytask.lab.tables.column import Column
from polytask.lab.tables.encoder import FitOptions
from polytask.lab.tables.giveaway import warn_of
from polytask.lab.tables.preprocessor import Preprocessor


@dataclass(frozen=True)
class Split:
    """The rows of one part of the data.

    Args:
        x: Design matrix, float32 of shape (rows, features).
        y: Task → labels of shape (rows,). Binary (0 or 1) and regression (original
            units): float32, NaN where missing. Multiclass: int32, -1 where missing.
        weights: How much each row counts, float64 of shape (rows,), 1 on average of
            the training rows; None where all count alike.
    """

    x: np.ndarray
    y: dict[str, np.ndarray]
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)


class FeatureColumns(NamedTuple):
    """The table's columns behind the features of a design matrix.

    Args:
        sources: The column of each feature, such as `"job"`.
        missing: What each feature holds where the cell is missing; none for zeros.
    """

    sources: tuple[str, ...] = ()
    missing: tuple[float, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test rows of one multi-task problem.

    Args:
        name: What the data set is called in reports.
        tasks: The targets.
        train: Rows that fit the weights (and the preprocessing).
        validation: Rows that choose the epoch.
        test: Rows that are evaluated once; there may be none.
        feature_names: One per column of the design matrix, such as `"age"` or
            `"job=nurse"`.
        feature_sources: The table's column behind each of them, such as `"job"`.
        facts: JSON-able description for reports; its keys are listed at
            `polytask.lab.tables.from_table`.
        rows: Part → numbers of its rows in the table, where there is one.
        missing_features: What each feature holds where the cell is missing; none for
            zeros.
    """

    name: str
    tasks: tuple[Task, ...]
    train: Split
    validation: Split
    test: Split
    feature_names: tuple[str, ...]
    feature_sources: tuple[str, ...]
    facts: dict[str, Any]
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)
    missing_features: tuple[float, ...] = ()

    @property
    def columns(self) -> FeatureColumns:
        """The columns behind the features."""
        return FeatureColumns(self.feature_sources, self.missing_features)

    @property
    def splits(self) -> dict[str, Split]:
        """The parts that have rows, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if len(part)}


def assemble(
    name: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    tasks: Sequence[Task],
    y: Mapping[str, np.ndarray],
    rows: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
    notes: Sequence[str] = (),
    *,
    options: FitOptions | None = None,
    fixed_columns: bool = False,
    dropped: int = 0,
    weights: np.ndarray | None = None,
) -> tuple[Dataset, Preprocessor]:
    """Fit the preprocessing on training rows and encode every part.

    Args:
        name: Of the data set.
        frame: Inputs and label columns, for the fingerprint; its index numbers the
            rows of the table.
        columns: The input columns, read; those not `used` are left out.
        tasks: The tasks, classes known.
        y: Task → labels of all rows.
        rows: `"train"`, `"validation"`, `"test"` → row numbers.
        about: Facts to begin with, such as `source` and `license`.
        notes: Sentences to begin with.
        options: Of the encoders.
        fixed_columns: Whether all rows decide which features there are, so that every
            split has the same.
        dropped: Number of rows that have no label and are not in `frame`.
        weights: Of all rows, above 0.

    Returns:
        The data set and its preprocessing.
    """
    used = {column.name: column for column in columns if column.used}
    preprocessor = Preprocessor.fit_columns(
        [column.take(rows["train"]) for column in used.values()],
        options or FitOptions(),
        list(used.values()) if fixed_columns else None,
    )
    if weights is not None:
        weights = weights / weights[rows["train"]].mean()
    parts = {}
    counted: list[str] = []
    for part, numbers in rows.items():
        encoded = preprocessor.transform_columns(
            {
                column: used[column].take(numbers)
                for column in preprocessor.input_columns
            }
        )
        labels = {task: values[numbers] for task, values in y.items()}
        own = None if weights is None else weights[numbers]
        parts[part] = Split(encoded.x, labels, own)
        counted += [
            f"Column {column!r}: {part} rows with a value that no training row has: "
            f"{count}."
            for column, count in encoded.unseen.items()
        ]
    tasks = [scaled_task(task, parts["train"].y[task.name]) for task in tasks]
    sentences = [*notes]
    sentences += [
        f"Column {column.name!r} is left out: {column.reason} ({column.kind})."
        for column in columns
        if not column.used
    ]
    alone = single_labels(tasks, parts)
    warn_of(alone)
    sentences += [*preprocessor.notes, *counted, *class_notes(tasks, parts), *alone]
    widths = Counter(preprocessor.feature_sources)
    facts = {
        **about,
        "fingerprint": fingerprint(frame, rows),
        "rows": {**{part: len(n) for part, n in rows.items()}, "dropped": dropped},
        "tasks": {task.name: label_facts(task, parts) for task in tasks},
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "reason": column.reason,
                "role": "input" if widths[column.name] else "left out",
                "features": widths[column.name],
                "missing": int(column.missing.sum()),
            }
            for column in columns
        ],
        "features": len(preprocessor.feature_names),
        "notes": sentences,
    }
    dataset = Dataset(
        name,
        tuple(tasks),
        parts["train"],
        parts["validation"],
        parts["test"],
        preprocessor.feature_names,
        preprocessor.feature_sources,
        facts,
        {part: frame.index.to_numpy()[numbers] for part, numbers in rows.items()},
        preprocessor.missing_features,
    )
    return dataset, preprocessor


def scaled_task(task: Task, labels: np.ndarray) -> Task:
    """Set a regression's mean and scale from its training labels.

    Raises:
        UserError: If the training labels cannot train the task.
    """
    known = labels[is_labeled(labels)]
    if len(known) == 0:
        raise UserError(
            f"Task {task.name!r} has no label among the training rows; label more "
            "rows or choose another split."
        )
    if known.min() == known.max():
        only = task.classes[int(known[0])] if task.classes else f"{known[0]:g}"
        raise UserError(
            f"Task {task.name!r}: all {len(known)} labeled training rows hold "
            f"{only!r}; label more rows or choose another split or seed."
        )
    return task.rules.fitted(task, known)


def label_facts(task: Task, parts: Mapping[str, Split]) -> dict[str, Any]:
    """Return counts and rates of a task's labels per part."""
    facts: dict[str, Any] = {"kind": task.kind, "classes": list(task.classes)}
    for part, split in parts.items():
        labels = split.y[task.name]
        known = labels[is_labeled(labels)]
        facts[part] = {
            "labeled": len(known),
            "missing": len(labels) - len(known),
            **task.rules.facts(task, known),
        }
    return facts


def class_notes(tasks: Sequence[Task], parts: Mapping[str, Split]) -> list[str]:
    """Return a sentence for every class that a part does not have.

    Raises:
        UserError: If a part has no label of a task at all.
    """
    notes = []
    for task in tasks:
        facts = label_facts(task, parts)
        for part in (name for name, split in parts.items() if len(split)):
            if not facts[part]["labeled"]:
                raise UserError(
                    f"Task {task.name!r} has no label among the {part} rows; label "
                    "more rows or choose another split or seed."
                )
            absent = [c for c, n in facts[part].get("counts", {}).items() if not n]
            if absent:
                names = ", ".join(repr(c) for c in absent)
                notes.append(f"Task {task.name!r}: no {part} row is labeled {names}.")
    return notes


def single_labels(tasks: Sequence[Task], parts: Mapping[str, Split]) -> list[str]:
    """Return a sentence for every task that one label is to judge.

    Example:
        >>> task, x = Task("size", "regression"), np.zeros((2, 1))
        >>> single_labels([task], {"test": Split(x, {"size": np.array([1, np.nan])})})
        ["Task 'size': labeled is only one test row, too few to judge by; label more."]
    """
    sentences = []
    for task in tasks:
        alone = [
            f"one {part} row"
            for part, split in parts.items()
            if is_labeled(split.y[task.name]).sum() == 1
        ]
        if alone:
            verb = "is" if len(alone) == 1 else "are"
            sentences.append(
                f"Task {task.name!r}: labeled {verb} only {' and '.join(alone)}, too "
                "few to judge by; label more."
            )
    return sentences


def fingerprint(frame: pd.DataFrame, rows: Mapping[str, np.ndarray]) -> str:
    """Return a SHA-256 of column names, cells and the split.

    Args:
        frame: Inputs and labels.
        rows: Part → row numbers.

    Returns:
        64 hexadecimal digits, the same on every machine.
    """
    digest = hashlib.sha256()
    for name in frame.columns:
        digest.update(repr(str(name)).encode("utf-8", "surrogatepass"))
        column = frame[name]
        if column.dtype == object:
            column = column.map(str)
        hashes = pd.util.hash_pandas_object(column, index=False)
        digest.update(hashes.to_numpy().astype("<u8").tobytes())
    for part, numbers in rows.items():
        digest.update(part.encode())
        digest.update(numbers.astype("<i8").tobytes())
    return digest.hexdigest()
