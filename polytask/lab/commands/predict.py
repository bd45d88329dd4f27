"""`polytask predict`: a stored model applied to a table."""

import argparse
import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from polytask._atomic import write_atomically
from polytask.errors import UserError
from polytask.lab.kinds import Task
from polytask.lab.studies.folder import check_place
from polytask.lab.studies.predictor import Predictor
from polytask.lab.studies.store import Store
from polytask.lab.tables import Preprocessor, read_table

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
    check_place(out)
    store = Store.existing(flags.run_folder)
    tasks = [task.trained() for task in store.description().tasks]
    preprocessor = _preprocessor(store)
    frame = read_table(flags.table)
    rows = preprocessor.transform(frame)
    model = _model(store, tasks, rows.x.shape[1])
    predictions = prediction_table(tasks, Predictor(rows.x, tasks)(model))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, _content(predictions, out))
    for column, cells in rows.unseen.items():
        print(
            f"polytask: warning: column {column!r} has {_cells(cells)} with a category "
            "that no training row had, read as unknown.",
            file=sys.stderr,
        )
    for column, cells in rows.missing.items():
        print(
            f"polytask: note: column {column!r} has {_cells(cells, 'missing ')}.",
            file=sys.stderr,
        )
    print(f"Predictions: {out} ({len(predictions)} rows)")


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


def _cells(count: int, what: str = "") -> str:
    return f"{count} {what}{'cell' if count == 1 else 'cells'}"


def _preprocessor(store: Store) -> Preprocessor:
    path = store.folder / "preprocessing.json"
    if not path.is_file():
        raise UserError(
            f"{store.folder} has no preprocessing.json: predicting needs a model of "
            "your own table (polytask fit, or a study with a file)."
        )
    try:
        return Preprocessor.from_json(path.read_text(encoding="utf-8"))
    except (UserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from error


def _model(store: Store, tasks: Sequence[Task], features: int) -> keras.Model:
    path = store.best_model_file
    if not path.is_file():
        raise UserError(f"{path} is missing; the run has no finished model.")
    if not zipfile.is_zipfile(path):
        # Keras says of such a file that it was not found.
        raise UserError(f"The model {path} is damaged: it is not a zip archive.")
    try:
        model: keras.Model = keras.saving.load_model(path, compile=False)
    except Exception as error:
        # A damaged file fails anywhere in zip, JSON, HDF5 or Keras itself.
        reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
        raise UserError(f"The model {path} is damaged: {reason}") from error
    names = list(model.output) if isinstance(model.output, dict) else []
    if names != [task.name for task in tasks] or model.input_shape[-1] != features:
        raise UserError(
            f"The model {path} does not belong to this run: it has the outputs {names} "
            f"and {model.input_shape[-1]} features, expected are "
            f"{[task.name for task in tasks]} and {features}."
        )
    return model


def _content(predictions: pd.DataFrame, out: Path) -> bytes:
    buffer = io.BytesIO()
    if out.suffix == ".parquet":
        predictions.to_parquet(buffer, index=False)
    else:
        predictions.to_csv(buffer, index=False)
    return buffer.getvalue()
