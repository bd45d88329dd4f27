"""`polytask predict`: a stored model applied to a table."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from polytask._atomic import replacing
from polytask.errors import UserError, listed, nearest
from polytask.lab.commands.applied import Applied
from polytask.lab.kinds import Task
from polytask.lab.studies.folder import check_place
from polytask.lab.studies.predictor import CHUNK
from polytask.lab.tables.forms import read_numbers

EXTENSIONS = (".csv", ".parquet")
# What makes a spreadsheet compute the text behind it.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    out = Path(flags.out)
    if out.suffix not in EXTENSIONS:
        raise UserError(
            f"--out {out} has an unknown extension. Accepted: {', '.join(EXTENSIONS)}."
        )
    if out.is_dir():
        raise UserError(f"{out} is a folder; --out names a file.")
    if out.exists() and Path(flags.table).exists() and out.samefile(flags.table):
        raise UserError(f"--out {out} is the table itself; give another file.")
    check_place(out)
    applied = Applied.read(flags)
    kept = _kept(applied, flags.keep, as_text=out.suffix == ".csv")
    rows = 0

    def parts() -> Iterator[pd.DataFrame]:
        nonlocal rows
        for chunk, found in applied.chunks():
            rows += len(chunk)
            beside = [prediction_table(applied.tasks, found)]
            if kept:
                beside.insert(0, _cells(applied, chunk, kept))
            whole = pd.concat(beside, axis=1)
            yield neutralized(whole) if flags.safe_cells else whole

    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as aside:
        _write(parts(), aside)
    applied.say_what_was_odd()
    print(f"Predictions: {out} ({rows} rows)")


def prediction_table(
    tasks: Sequence[Task], predictions: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return predictions as columns.

    Args:
        tasks: The model's tasks.
        predictions: What `Predictor` returns.

    Returns:
        For each task a column of its name, the class or the value; for classes also
        `task=class`, its probability (binary: of the positive class).
    """
    columns: dict[str, np.ndarray] = {}
    for task in tasks:
        columns |= task.rules.columns(task, predictions[task.name])
    return pd.DataFrame(columns)


def neutralized(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts no spreadsheet takes for formulas.

    Texts that begin with `=`, `+`, `-`, `@`, a tab or a line end get an apostrophe in
    front, unless they are numbers.

    Example:
        >>> frame = pd.DataFrame({"name": ["=1+1", "-3.5", "nurse"]})
        >>> neutralized(frame)["name"].tolist()
        ["'=1+1", '-3.5', 'nurse']
    """

    def plain(text: Any) -> Any:
        if not isinstance(text, str) or not text.startswith(FORMULAS):
            return text
        return text if not np.isnan(read_numbers([text])).any() else f"'{text}"

    texts = {
        name: column.map(plain)
        for name, column in frame.items()
        if not pd.api.types.is_numeric_dtype(column.dtype)
    }
    return frame.assign(**texts).rename(columns=plain)


def _kept(applied: Applied, names: str | None, as_text: bool) -> dict[str, Any]:
    """Return column → type of those that the predictions stand beside.

    A chunk alone would not tell: of a text file, numbers are those of a column that
    holds nothing else.

    Args:
        applied: The model and its table.
        names: As the user typed them.
        as_text: Whether texts may stay as they are in the file.
    """
    columns = [name.strip() for name in names.split(",")] if names else []
    known = applied.table.names
    for name in columns:
        if name not in known:
            raise UserError(
                f"--keep {name}: the table has no such column.{nearest(name, known)} "
                f"Its columns: {listed(known)}."
            )
    for task in applied.tasks:
        if task.name in columns:
            raise UserError(
                f"--keep {task.name}: the predictions have a column of this name."
            )
    if not columns or (as_text and applied.table.is_text):
        return dict.fromkeys(columns, object)
    found: dict[str, set[Any]] = {name: set() for name in columns}
    for chunk in applied.table.chunks(CHUNK):
        for name, column in applied.table.with_numbers(chunk[columns]).items():
            found[str(name)].add(column.dtype)
    return {name: _common(types) for name, types in found.items()}


def _common(types: set[Any]) -> Any:
    if len(types) == 1:
        (only,) = types
        # Before pandas 3, texts are objects, and stay the cells that they are.
        return object if pd.api.types.is_object_dtype(only) else only
    numbers = all(isinstance(t, np.dtype) and t.kind in "iuf" for t in types)
    return np.dtype(float) if numbers else object


def _cells(
    applied: Applied, chunk: pd.DataFrame, kept: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the kept columns of a chunk, of the types of the whole table."""
    cells = chunk[[*kept]].reset_index(drop=True)
    numbers = applied.table.with_numbers(cells)
    return pd.DataFrame(
        {
            name: cells[name] if kind is object else numbers[name].astype(kind)
            for name, kind in kept.items()
        }
    )


def _write(chunks: Iterable[pd.DataFrame], path: Path) -> None:
    """Write tables one after the other, so that no more than one is in memory."""
    if path.suffix == ".csv":
        for number, chunk in enumerate(chunks):
            chunk.to_csv(path, mode="a", header=number == 0, index=False)
        return
    writer = None
    for chunk in chunks:
        schema = writer.schema if writer else None
        table = pa.Table.from_pandas(chunk, schema, preserve_index=False)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
