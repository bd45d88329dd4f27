"""One's own table to a data set."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from polytask.errors import UserError, listed, nearest
from polytask.lab.kinds import Task, is_labeled, task_kinds
from polytask.lab.tables.column import INPUT_KINDS, Column, read_column
from polytask.lab.tables.dataset import Dataset, assemble
from polytask.lab.tables.encode_targets import encode_targets
from polytask.lab.tables.encoder import FitOptions
from polytask.lab.tables.giveaway import giveaways, warn_of
from polytask.lab.tables.guess_columns import judged
from polytask.lab.tables.preprocessor import Preprocessor
from polytask.lab.tables.read_table import check_column_names
from polytask.lab.tables.split_rows import check_split, split_rows


def from_table(
    frame: pd.DataFrame,
    tasks: Mapping[str, str] | Sequence[str | tuple[str, str]],
    inputs: Sequence[str] | None = None,
    split: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    name: str = "table",
    *,
    exclude: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    min_frequency: int = 5,
    max_categories: int = 50,
    about: Mapping[str, Any] | None = None,
) -> tuple[Dataset, Preprocessor]:
    """Split a table, encode its targets, and fit the preprocessing on training rows.

    Rows without any label are dropped and counted. The split is stratified by the
    labels of the classification tasks and by which labels are missing.

    Args:
        frame: The table, as `read_table` returns it.
        tasks: `["income:binary", ...]` or `{"income": "binary"}`.
        inputs: Input columns; all but the targets if None. A column named here is
            used even if it looks like an identifier or free text.
        split: Shares of training, validation and test rows; the last may be 0.
        seed: Of the split.
        name: What reports call the data.
        exclude: Columns that are not inputs.
        columns: Column → `"numeric"`, `"categorical"`, `"boolean"` or `"date"`, where
            the guess of `guess_columns` is not wanted.
        min_frequency: A category in fewer training rows is grouped as rare.
        max_categories: At most so many features per categorical column.
        about: Facts to begin with, such as `{"source": ..., "license": ...}`.

    Returns:
        The data set and its preprocessing. `facts` holds `source`, `license`, `split`,
        `seed`, `fingerprint`, `rows` (per part, and `dropped`), `tasks` (task → kind,
        classes and per part: labeled, missing, and counts and rate, or mean and std),
        `columns` (name, kind, reason, role, features, missing), `features`, `notes`.

    Raises:
        UserError: If a column, task or option is wrong, or the table is too small.

    Example:
        >>> table = pd.DataFrame({"age": range(0, 60, 2), "sick": ["no", "yes"] * 15})
        >>> data, preprocessor = from_table(table, ["sick:binary"])
        >>> len(data.train), data.feature_names, data.tasks[0].classes
        (18, ('age',), ('no', 'yes'))
    """
    check_split(split)
    frame = frame.reset_index(drop=True).rename(columns=str)
    check_column_names(frame.columns, "The table")
    wanted = task_kinds(tasks)
    found, y = encode_targets(frame, wanted)
    chosen = _choose(frame, list(wanted), inputs, exclude, columns or {})
    for column in chosen:
        if column.used:
            column.check()
    labeled = np.any([is_labeled(labels) for labels in y.values()], axis=0)
    rows = np.flatnonzero(labeled)
    dropped = len(frame) - len(rows)
    notes = [f"Rows without any label, dropped: {dropped}."] if dropped else []
    doubts = [column.doubt for column in chosen if column.doubt]
    doubts += map(str, giveaways(chosen, found, y))
    warn_of(doubts)
    notes += doubts
    return assemble(
        name,
        frame.loc[labeled, [*(c.name for c in chosen), *wanted]],
        [column.take(rows) for column in chosen],
        found,
        y := {task: labels[labeled] for task, labels in y.items()},
        split_rows(label_strata(found, y), split, seed),
        {
            "source": "own table",
            "license": "",
            **(about or {}),
            "split": [float(share) for share in split],
            "seed": seed,
        },
        notes,
        options=FitOptions(min_frequency, max_categories),
        dropped=dropped,
    )


def label_strata(tasks: Sequence[Task], y: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return one integer per combination of classes and missing labels."""
    strata = np.zeros(len(y[tasks[0].name]), dtype=np.int64)
    for task in tasks:
        labels = y[task.name]
        codes = np.zeros(len(labels), dtype=np.int64)
        known = is_labeled(labels)
        codes[known] = task.rules.strata(labels[known])
        strata = np.unique(strata * (codes.max() + 1) + codes, return_inverse=True)[1]
    return strata


def _choose(
    frame: pd.DataFrame,
    targets: Sequence[str],
    inputs: Sequence[str] | None,
    exclude: Sequence[str],
    columns: Mapping[str, str],
) -> list[Column]:
    """Read the input columns, as what they hold by the user's word or a guess."""
    known = [str(column) for column in frame.columns]
    given = {"inputs": inputs or (), "exclude": exclude, "columns": columns}
    for option, names in given.items():
        for name in names:
            if name not in known:
                raise UserError(
                    f"{option} names the column {name!r}, which the table does not "
                    f"have.{nearest(name, known)} Its columns: {listed(known)}."
                )
    for name in inputs or ():
        if name in targets:
            raise UserError(f"Column {name!r} is both an input and a target.")
    for name, kind in columns.items():
        if name in targets:
            raise UserError(
                f"columns gives the target {name!r} the kind {kind!r}, but it lists "
                f"inputs alone; remove {name!r} from it, its task says what it is."
            )
        if kind not in INPUT_KINDS:
            raise UserError(
                f"Column {name!r} is given the kind {kind!r}."
                f"{nearest(kind, INPUT_KINDS)} Accepted: {', '.join(INPUT_KINDS)}."
            )
    chosen = list(dict.fromkeys(inputs if inputs is not None else known))
    chosen = [name for name in chosen if name not in targets and name not in exclude]
    if not chosen:
        raise UserError(
            "No input column is left besides the targets and excluded columns. "
            f"The table's columns: {listed(known)}."
        )
    read = []
    for name in chosen:
        column = read_column(frame[name], name, columns.get(name))
        guess = judged(column)
        asked = inputs is not None and guess.kind in ("id", "text")
        read.append(column if name in columns or asked else guess)
    return read
