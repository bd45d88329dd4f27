"""Inputs, labels and a split joined into a data set that describes itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.kinds import Task, is_labeled
from polytask.lab.tables.dataset import Dataset, Split
from polytask.lab.tables.fingerprint import fingerprint
from polytask.lab.tables.guess_columns import ColumnGuess
from polytask.lab.tables.preprocessor import Preprocessor


def assemble(
    name: str,
    frame: pd.DataFrame,
    columns: Sequence[ColumnGuess],
    tasks: Sequence[Task],
    y: Mapping[str, np.ndarray],
    rows: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
    notes: Sequence[str] = (),
    *,
    min_frequency: int = 5,
    max_categories: int = 50,
    date_formats: Mapping[str, str] | None = None,
    dropped: int = 0,
) -> tuple[Dataset, Preprocessor]:
    """Fit the preprocessing on training rows and encode every part.

    Args:
        name: Of the data set.
        frame: Inputs and label columns.
        columns: What the input columns hold; those not `used` are left out.
        tasks: The tasks, classes known.
        y: Task → labels of all rows.
        rows: `"train"`, `"validation"`, `"test"` → row numbers.
        about: Facts to begin with, such as `source` and `license`.
        notes: Sentences to begin with.
        min_frequency: As in `Preprocessor.fit`.
        max_categories: As in `Preprocessor.fit`.
        date_formats: As in `Preprocessor.fit`.
        dropped: Number of rows that have no label and are not in `frame`.

    Returns:
        The data set and its preprocessing.
    """
    kinds = {column.name: column.kind for column in columns if column.used}
    preprocessor = Preprocessor.fit(
        frame.iloc[rows["train"]],
        kinds,
        min_frequency=min_frequency,
        max_categories=max_categories,
        date_formats=date_formats,
    )
    parts = {}
    counted: list[str] = []
    for part, numbers in rows.items():
        encoded = preprocessor.transform(frame.iloc[numbers])
        labels = {task: values[numbers] for task, values in y.items()}
        parts[part] = Split(encoded.x, labels)
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
    sentences += [*preprocessor.notes, *counted, *class_notes(tasks, parts)]
    widths = Counter(preprocessor.feature_sources)
    facts = {
        **about,
        "fingerprint": fingerprint(frame, rows),
        "rows": {**{part: len(n) for part, n in rows.items()}, "dropped": dropped},
        "tasks": {task.name: label_facts(task, parts) for task in tasks},
        "columns": [
            _column_facts(column, frame, widths[column.name]) for column in columns
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
        for part in parts:
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


def _column_facts(
    column: ColumnGuess,
    frame: pd.DataFrame,
    features: int,
) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "reason": column.reason,
        "role": "input" if features else "left out",
        "features": features,
        "missing": int(frame[column.name].isna().sum()),
    }
