"""One's own table to a data set."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from polytask.errors import OptionError, UserError, listed, nearest
from polytask.lab.kinds import Task, is_labeled, task_kinds
from polytask.lab.tables.column import INPUT_KINDS, Column
from polytask.lab.tables.dataset import Dataset, assemble
from polytask.lab.tables.encode_targets import encode_targets
from polytask.lab.tables.encoder import FitOptions
from polytask.lab.tables.giveaway import giveaways, warn_of
from polytask.lab.tables.guess_columns import judged
from polytask.lab.tables.limits import check_column_names
from polytask.lab.tables.preprocessor import Preprocessor
from polytask.lab.tables.read_column import read_column
from polytask.lab.tables.split_rows import check_split
from polytask.lab.tables.split_table import parts_of
from polytask_options.splits import SHARES


def from_table(
    frame: pd.DataFrame,
    tasks: Mapping[str, str] | Sequence[str | tuple[str, str]],
    inputs: Sequence[str] | None = None,
    split: Sequence[float] | str = SHARES,
    seed: int = 0,
    name: str = "table",
    *,
    exclude: Sequence[str] = (),
    weight: str | None = None,
    columns: Mapping[str, str] | None = None,
    min_frequency: int = 5,
    max_categories: int = 50,
    fixed_columns: bool = False,
    about: Mapping[str, Any] | None = None,
) -> tuple[Dataset, Preprocessor]:
    """Split a table, encode its targets, and fit the preprocessing on training rows.

    Rows without any label are dropped and counted. The split is stratified by the
    labels of the classification tasks and by which labels are missing, unless a column
    or a file says it.

    Args:
        frame: The table, as `read_table` returns it.
        tasks: `["income:binary", ...]` or `{"income": "binary"}`.
        inputs: Input columns; all but the targets if None. A column named here is
            used even if it looks like an identifier or free text.
        split: Shares of training, validation and test rows; the last may be 0.
            `"group:COLUMN"` keeps the rows of a value in one part, and the column out
            of the inputs;
            `"time:COLUMN"` tests on the last rows, and rows without a time train; the
            name of a file lists row numbers, see `polytask.lab.tables.split_file`.
        seed: Of the split, where it is random.
        name: What reports call the data.
        exclude: Columns that are not inputs.
        weight: Column of numbers from 0: how much each row counts in training and in
            metrics. It is no input, and rows of weight 0 are dropped.
        columns: Column → `"numeric"`, `"categorical"`, `"boolean"`, `"date"`, or
            `"ngrams"` for the words of a text, where the guess of `guess_columns` is
            not wanted.
        min_frequency: A category in fewer training rows is grouped as rare.
        max_categories: At most so many features per categorical column.
        fixed_columns: Whether all rows, and not the training rows alone, decide which
            features there are (the categories and columns that vary, not what they are
            scaled by), so that every split has the same. Labels are not looked at.
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
    rule = check_split(split)
    frame = frame.reset_index(drop=True).rename(columns=str)
    check_column_names(frame.columns, "The table")
    wanted = task_kinds(tasks)
    found, y = encode_targets(frame, wanted)
    apart = {
        "weight": [weight] if weight is not None else [],
        "split": [rule.name] if rule.how in ("group", "time") else [],
    }
    _refuse_unknown(frame, apart)
    if weight in wanted:
        raise UserError(f"Column {weight!r} is both the weight and a target.")
    left_out = [*exclude, *apart["weight"]]
    if rule.how == "group" and rule.name not in (inputs or ()):
        left_out.append(rule.name)
    chosen = _choose(frame, list(wanted), inputs, left_out, columns or {})
    for column in chosen:
        if column.used:
            column.check()
    if not any(column.used for column in chosen):
        why = [f"{c.name!r} is {c.kind} ({c.reason})" for c in chosen]
        raise UserError(f"No input column is left: {listed(why, 6)}.")
    labeled = np.any([is_labeled(labels) for labels in y.values()], axis=0)
    notes = _dropped("without any label", int((~labeled).sum()))
    weights = None
    if weight is not None:
        weights = row_weights(frame[weight], weight)
        notes += _dropped("of weight 0", int((labeled & (weights == 0)).sum()))
        labeled &= weights > 0
    rows = np.flatnonzero(labeled)
    doubts = [column.doubt for column in chosen if column.doubt]
    doubts += map(str, giveaways(chosen, found, y))
    warn_of(doubts)
    used = [*(c.name for c in chosen), *wanted, *apart["weight"]]
    y = {task: labels[labeled] for task, labels in y.items()}
    parts, said = parts_of(frame, rule, rows, label_strata(found, y), seed)
    return assemble(
        name,
        frame.loc[labeled, used],
        [column.take(rows) for column in chosen],
        found,
        y,
        parts,
        {
            "source": "own table",
            "license": "",
            **(about or {}),
            "split": split if isinstance(split, str) else list(rule.shares),
            "seed": seed,
            **({"weight": weight} if weight is not None else {}),
        },
        [*notes, *said, *doubts],
        options=FitOptions(min_frequency, max_categories),
        fixed_columns=fixed_columns,
        dropped=len(frame) - len(rows),
        weights=None if weights is None else weights[rows],
    )


def row_weights(series: pd.Series, name: str) -> np.ndarray:
    """Return a column of weights, float64 of shape (rows,).

    Args:
        series: The column.
        name: Its name.

    Raises:
        UserError: If a cell is missing, negative, infinite or no number.
    """
    column = read_column(series, name, "numeric")
    if column.wrong:
        raise OptionError("weight", f": {column.wrong}")
    weights = np.asarray(column.values, dtype=np.float64)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        first = "nothing" if column.missing[wrong[0]] else f"{weights[wrong[0]]:g}"
        raise OptionError(
            "weight",
            f": column {name!r} holds {first} in {column.row(wrong[0])} "
            f"({len(wrong):,} such rows); accepted are numbers from 0.",
        )
    return weights


def _dropped(what: str, count: int) -> list[str]:
    return [f"Rows {what}, dropped: {count}."] if count else []


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
    _refuse_unknown(
        frame, {"inputs": inputs or (), "exclude": exclude, "columns": columns}
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


def _refuse_unknown(frame: pd.DataFrame, named: Mapping[str, Iterable[str]]) -> None:
    """Refuse options (→ the columns they name) with a column that is not there."""
    known = [str(column) for column in frame.columns]
    for option, names in named.items():
        for name in names:
            if name not in known:
                raise OptionError(
                    option,
                    f" names the column {name!r}, which the table does not "
                    f"have.{nearest(name, known)} Its columns: {listed(known)}.",
                )
