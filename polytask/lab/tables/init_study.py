"""A commented study file for one's own table."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from polytask.errors import UserError, listed, nearest
from polytask.lab.kinds import KINDS, parse_task
from polytask.lab.tables.column import Column
from polytask.lab.tables.encode_targets import encode_targets
from polytask.lab.tables.giveaway import giveaways, warn_of
from polytask.lab.tables.guess_columns import guess_columns
from polytask.lab.tables.read_table import read_table

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
TARGET_NAME = re.compile(
    r"^(target|label|outcome|y)(\d*|[_.-].*)$|^class$|[_.-](target|label)$", re.I
)
# Of a name, what a family of columns may share: its words, not its numbers.
WORDS = re.compile(r"[^\W\d_]{2,}")
# Of whole numbers: more are amounts, and so are those that hardly repeat.
MOST_CLASSES, ROWS_OF_A_CLASS = 20, 3
SETTINGS = """\

[network]
trunk = [64]          # units of the shared layers
towers = [32]         # units of each task's own layers
activation = "relu"

[budget]
epochs = 60
batch_size = 32
learning_rate = 0.001
patience = 10         # epochs without a better validation score before stopping
seeds = 5

# What is compared; each variant changes the network above.
[variants.none]

[variants.l2]
l2 = 1e-3

[variants.l1]
l1 = 1e-4             # exact zeros

[variants.dropout]
dropout_trunk = 0.3
"""


def study_template(
    path: str | Path,
    folder: str | Path | None = None,
    tasks: Sequence[str] = (),
    **reading: str | None,
) -> str:
    r"""Write a study file for a table, with what was guessed marked.

    Targets are those that are named; else the columns named like one (target, label,
    outcome, class, y, also as `target_x` or `x_label`); else the last column that can
    be one, with those before it that go with it: by a common word in their names, or
    by the same two or few values. Two different labels make a binary task, texts and
    up to 20 whole numbers, each in three rows on average, a multiclass task, other
    numbers a regression.

    Args:
        path: The table, read by `read_table`.
        folder: Where the study file will lie; the table's path is written relative to
            it. As given if None.
        tasks: Targets, each as `"column"` or `"column:kind"`.
        reading: `sep`, `decimal` and `encoding` of `read_table`.

    Returns:
        TOML text; lines with a guess end in `# guessed: reason`.

    Raises:
        UserError: If the table cannot be read, a task is not in it, or no column can
            be a target.

    Example:
        >>> import tempfile
        >>> table = Path(tempfile.mkdtemp()) / "visits.csv"
        >>> _ = table.write_text("age,sick\n31,no\n45,yes\n", encoding="utf-8")
        >>> print(study_template(table).splitlines()[1])
        name = "visits"
    """
    flags = {key: value for key, value in reading.items() if value is not None}
    frame = read_table(path, **flags).rename(columns=str)
    columns = guess_columns(frame)
    targets = _named_tasks(columns, tasks) if tasks else _guess_tasks(columns)
    inputs = [column for column in columns if column.name not in targets]
    if not any(column.used for column in inputs):
        raise UserError(
            f"{path} has no column left as an input besides {listed(targets)}."
        )
    kinds = {name: kind for name, (kind, _) in targets.items()}
    why = _reasons(frame, inputs, kinds)
    place = Path(path) if folder is None else Path(os.path.relpath(path, folder))
    lines = [
        "# A study for polytask compare. Lines marked as guessed are worth a look.",
        f"name = {toml_string(_study_name(place))}",
        "",
        "[data]",
        f"file = {toml_string(place.as_posix())}",
        *(f"{key} = {toml_string(value)}" for key, value in flags.items()),
        f"# {len(frame)} rows, {len(frame.columns)} columns. All columns that are "
        "neither targets nor excluded are inputs;",
        '# inputs = ["..."] names them instead.',
        "exclude = [",
        *(
            f"  {toml_string(c.name)},  # guessed: {_comment(c.kind, why[c.name])}"
            for c in inputs
            if not c.used
        ),
        "]",
        "split = [0.6, 0.2, 0.2]  # training, validation, test rows",
        "",
        "# numeric | categorical | boolean | date | ngrams, of inputs alone: a column",
        "# moved to [tasks] leaves this list.",
        "[data.columns]",
        *(
            f"{toml_key(c.name)} = {toml_string(c.kind)}  "
            f"# guessed: {_comment(why[c.name])}"
            for c in inputs
            if c.used
        ),
        "",
        f"# {' | '.join(KINDS)}",
        "[tasks]",
        *(
            f"{toml_key(name)} = {toml_string(kind)}  # {_comment(reason)}"
            for name, (kind, reason) in targets.items()
        ),
    ]
    return "\n".join(lines) + "\n" + SETTINGS


def _reasons(
    frame: pd.DataFrame, inputs: list[Column], kinds: Mapping[str, str]
) -> dict[str, str]:
    """Return column → why it has its kind, what is missing, what it gives away.

    What the user should know at once is warned of as well.
    """
    doubtful = giveaways(inputs, *encode_targets(frame, kinds))
    warn_of([*(c.doubt for c in inputs if c.doubt), *map(str, doubtful)])
    reasons = {column.name: column.reason + _missing(column) for column in inputs}
    for one in doubtful:
        reasons[one.column] += f"; GIVES AWAY {one.task}: exclude it?"
    return reasons


def _missing(column: Column) -> str:
    share = float(column.missing.mean())
    shown = "less than 1%" if share < 0.005 else f"{share:.0%}"
    return f"; {shown} missing" if share else ""


def toml_string(text: str) -> str:
    r"""Return `text` as a TOML basic string.

    Example:
        >>> print(toml_string('5" disk'))
        "5\" disk"
    """
    # JSON escapes the same way, except that TOML also forbids a bare DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(name: str) -> str:
    """Return `name` as a TOML key, quoted where it must be."""
    return name if BARE_KEY.fullmatch(name) else toml_string(name)


def _study_name(path: Path) -> str:
    """Return the file's name without what a study's name may not hold."""
    stem = path.name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_]+", "-", stem).strip("-_") or "study"


def _comment(*parts: str) -> str:
    """Return text for a comment: control characters would end or break it."""
    return CONTROL.sub(" ", ", ".join(parts))


def _named_tasks(
    columns: list[Column], tasks: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Return task → kind and comment of the targets that the user named."""
    by_name = {column.name: column for column in columns}
    kinds: dict[str, tuple[str, str]] = {}
    for task in tasks:
        name, kind = (
            (task, "") if task in by_name or ":" not in task else parse_task(task)
        )
        if name not in by_name:
            raise UserError(
                f"The table has no column {name!r} for a task."
                f"{nearest(name, by_name)} Its columns: {listed(by_name)}."
            )
        if name in kinds:
            raise UserError(f"Task {name!r} is given twice.")
        if kind:
            kinds[name] = (kind, "given by the user")
            continue
        guess = _task_kind(by_name[name])
        if guess is None:
            raise UserError(
                f"Column {name!r} seems to be no target: {by_name[name].reason} "
                f"({by_name[name].kind}). If it is one, say its kind, such as "
                f"{name}:regression."
            )
        kinds[name] = (
            guess[0],
            f"guessed: {guess[1]}{_missing(by_name[name])}",
        )
    return kinds


def _guess_tasks(columns: list[Column]) -> dict[str, tuple[str, str]]:
    """Return task → kind and comment of the columns that seem to be targets."""
    possible = {c.name: kind for c in columns if (kind := _task_kind(c)) is not None}
    if not possible:
        raise UserError(
            "No column can be a target: each one is empty, constant, a date, an "
            "identifier or free text."
        )
    by_name = {column.name: column for column in columns}
    named = [name for name in possible if TARGET_NAME.search(name)]
    why = "named like a target"
    if not named:
        last = [column for column in columns if column.name in possible][-1]
        named, why = _with_relatives(columns, last, possible)
    return {
        name: (
            possible[name][0],
            f"guessed: {why}; {possible[name][1]}{_missing(by_name[name])}",
        )
        for name in named
    }


def _with_relatives(
    columns: list[Column], last: Column, possible: Mapping[str, tuple[str, str]]
) -> tuple[list[str], str]:
    """Return the last possible target and the columns before it that go with it."""
    before = columns[: columns.index(last)]
    kin = [last.name]
    for column in reversed(before):
        if column.name not in possible or not _related(column, last, possible):
            break
        kin.insert(0, column.name)
    inputs = sum(column.used for column in columns) - len(kin)
    # A table of one kind of column says nothing of which are the targets.
    if len(kin) == 1 or inputs < len(kin):
        return [last.name], "the last column that can be a target"
    return kin, "the last columns that go together"


def _related(
    one: Column, other: Column, possible: Mapping[str, tuple[str, str]]
) -> bool:
    kinds = {possible[one.name][0], possible[other.name][0]}
    if len(kinds) > 1:
        return False
    first, second = (set(WORDS.findall(c.name.lower())) for c in (one, other))
    if first & second:
        return True
    bounded = kinds <= {"binary", "multiclass"}
    return bounded and set(one.distinct.tolist()) == set(other.distinct.tolist())


def _task_kind(column: Column) -> tuple[str, str] | None:
    count = len(column.distinct)
    if not column.used or column.kind == "date" or count < 2:
        return None
    if count == 2:
        return "binary", "two different labels"
    if column.kind != "numeric":
        return "multiclass", f"{count} different labels"
    rows = int((~column.missing).sum())
    few = count <= min(MOST_CLASSES, rows / ROWS_OF_A_CLASS)
    if few and (column.distinct % 1 == 0).all():
        return "multiclass", f"{count} different whole numbers"
    return "regression", f"{count} different numbers"
