"""A commented study file for one's own table."""

import json
import os
import re
from pathlib import Path

from polytask.errors import UserError
from polytask.lab.tables.column import Column
from polytask.lab.tables.guess_columns import guess_columns
from polytask.lab.tables.read_table import read_table

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
TARGET_NAME = re.compile(
    r"^(target|label|outcome|y)(\d*|[_.-].*)$|^class$|[_.-](target|label)$", re.I
)
MOST_CLASSES = 20
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


def study_template(path: str | Path, folder: str | Path | None = None) -> str:
    r"""Write a study file for a table, with what was guessed marked.

    Targets are the columns named like one (target, label, outcome, class, y, also as
    `target_x` or `x_label`); if there are none, the last column that can be one. Two
    different labels make a binary task, texts and up to 20 whole numbers a multiclass
    task, other numbers a regression.

    Args:
        path: The table, read by `read_table`.
        folder: Where the study file will lie; the table's path is written relative to
            it. As given if None.

    Returns:
        TOML text; lines with a guess end in `# guessed: reason`.

    Raises:
        UserError: If the table cannot be read or no column can be a target.

    Example:
        >>> import tempfile
        >>> table = Path(tempfile.mkdtemp()) / "visits.csv"
        >>> _ = table.write_text("age,sick\n31,no\n45,yes\n", encoding="utf-8")
        >>> print(study_template(table).splitlines()[1])
        name = "visits"
    """
    frame = read_table(path)
    guesses = guess_columns(frame)
    tasks = _guess_tasks(guesses)
    inputs = [g for g in guesses if g.name not in tasks]
    if not any(g.used for g in inputs):
        raise UserError(
            f"{path} has no column left as an input besides {', '.join(tasks)}."
        )
    place = Path(path) if folder is None else Path(os.path.relpath(path, folder))
    lines = [
        "# A study for polytask compare. Lines marked as guessed are worth a look.",
        f"name = {toml_string(_study_name(place))}",
        "",
        "[data]",
        f"file = {toml_string(place.as_posix())}",
        f"# {len(frame)} rows, {len(frame.columns)} columns. All columns that are "
        "neither targets nor excluded are inputs;",
        '# inputs = ["..."] names them instead.',
        "exclude = [",
    ]
    lines += [
        f"  {toml_string(g.name)},  # guessed: {_comment(g.kind, g.reason)}"
        for g in inputs
        if not g.used
    ]
    lines += [
        "]",
        "split = [0.6, 0.2, 0.2]  # training, validation, test rows",
        "",
        "# numeric | categorical | boolean | date, of inputs alone: a column moved to",
        "# [tasks] leaves this list.",
        "[data.columns]",
    ]
    lines += [
        f"{toml_key(g.name)} = {toml_string(g.kind)}  # guessed: {_comment(g.reason)}"
        for g in inputs
        if g.used
    ]
    lines += ["", "# binary | multiclass | regression", "[tasks]"]
    lines += [
        f"{toml_key(name)} = {toml_string(kind)}  # guessed: {_comment(reason)}"
        for name, (kind, reason) in tasks.items()
    ]
    return "\n".join(lines) + "\n" + SETTINGS


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


def _guess_tasks(columns: list[Column]) -> dict[str, tuple[str, str]]:
    possible = {}
    for column in columns:
        kind = _task_kind(column)
        if kind is not None:
            possible[column.name] = kind
    if not possible:
        raise UserError(
            "No column can be a target: each one is empty, constant, a date, an "
            "identifier or free text."
        )
    named = [name for name in possible if TARGET_NAME.search(name)]
    if named:
        why = "named like a target"
    else:
        named, why = [list(possible)[-1]], "the last column that can be a target"
    return {n: (possible[n][0], f"{why}; {possible[n][1]}") for n in named}


def _task_kind(column: Column) -> tuple[str, str] | None:
    count = len(column.distinct)
    if not column.used or column.kind == "date" or count < 2:
        return None
    if count == 2:
        return "binary", "two different labels"
    if column.kind != "numeric":
        return "multiclass", f"{count} different labels"
    if count <= MOST_CLASSES and (column.distinct % 1 == 0).all():
        return "multiclass", f"{count} different whole numbers"
    return "regression", f"{count} different numbers"
