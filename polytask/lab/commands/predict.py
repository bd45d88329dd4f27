"""`polytask predict`: a stored model applied to a table."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from polytask._atomic import replacing
from polytask.errors import UserError, nearest
from polytask.lab.commands.applied import Applied
from polytask.lab.kinds import Task
from polytask.lab.studies.folder import check_place

EXTENSIONS = (".csv", ".parquet")


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    out = Path(flags.out)
    if out.suffix not in EXTENSIONS:
        raise UserError(
            f"--out {out} has an unknown extension. Accepted: {', '.join(EXTENSIONS)}."
        )
    if out.is_dir():
        raise UserError(f"{out} is a folder; --out names a file.")
    if out.resolve() == Path(flags.table).resolve():
        raise UserError(f"--out {out} is the table itself; give another file.")
    check_place(out)
    applied = Applied.read(flags)
    kept = _kept(applied.frame, flags.keep)
    for task in applied.tasks:
        if task.name in kept.columns:
            raise UserError(
                f"--keep {task.name}: the predictions have a column of this name."
            )
    chunks = (
        pd.concat([_part(kept, rows), prediction_table(applied.tasks, found)], axis=1)
        for rows, found in applied.chunks()
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as aside:
        _write(chunks, aside)
    applied.say_what_was_odd()
    print(f"Predictions: {out} ({len(applied.frame)} rows)")


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


def _kept(frame: pd.DataFrame, names: str | None) -> pd.DataFrame:
    """Return the columns of the table that the predictions stand beside."""
    columns = [name.strip() for name in names.split(",")] if names else []
    for name in columns:
        if name not in frame.columns:
            known = [str(column) for column in frame.columns]
            raise UserError(
                f"--keep {name}: the table has no such column.{nearest(name, known)} "
                f"Its columns: {', '.join(known)}."
            )
    return frame[columns]


def _part(frame: pd.DataFrame, rows: slice) -> pd.DataFrame:
    return frame.iloc[rows].reset_index(drop=True)


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
