"""A stored model and the rows that it is applied to."""

import argparse
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.commands import reading
from polytask.lab.kinds import Task
from polytask.lab.studies.predictor import CHUNK, Predictor
from polytask.lab.studies.store import Store
from polytask.lab.tables import Preprocessor, read_table
from polytask.lab.tables.preprocessor import TransformResult

PREPROCESSING = "preprocessing.json"


@dataclass(frozen=True)
class Applied:
    """A table with the model that predicts its rows.

    Args:
        tasks: What is predicted.
        frame: The table.
        rows: Its design matrix.
        model: The model.
    """

    tasks: list[Task]
    frame: pd.DataFrame
    rows: TransformResult
    model: keras.Model

    @classmethod
    def read(cls, flags: argparse.Namespace) -> "Applied":
        """Read the run and the table that the flags of a verb name.

        Raises:
            UserError: If either is missing, damaged or does not fit the other.
        """
        store = Store.existing(flags.run_folder)
        tasks = [task.trained() for task in store.description().tasks]
        preprocessor = _preprocessor(store)
        frame = read_table(flags.table, **reading(flags))
        try:
            rows = preprocessor.transform(frame)
        except UserError:
            raise
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            # What was learned is plain JSON, whose numbers nothing else checks.
            raise UserError(
                f"{store.folder / PREPROCESSING} is damaged: {error}."
            ) from error
        return cls(tasks, frame, rows, _model(store, tasks, rows.x.shape[1]))

    def chunks(self) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Yield rows and their predictions, a few at a time."""
        for start in range(0, max(1, len(self.rows.x)), CHUNK):
            rows = slice(start, start + CHUNK)
            yield rows, Predictor(self.rows.x[rows], self.tasks)(self.model)

    def say_what_was_odd(self) -> None:
        """Print which cells were missing or had an unknown category."""
        for column, cells in self.rows.unseen.items():
            print(
                f"polytask: warning: column {column!r} has {_cells(cells)} with a "
                "category that no training row had, read as unknown.",
                file=sys.stderr,
            )
        for column, cells in self.rows.missing.items():
            print(
                f"polytask: note: column {column!r} has {_cells(cells, 'missing ')}.",
                file=sys.stderr,
            )


def _cells(count: int, what: str = "") -> str:
    return f"{count} {what}{'cell' if count == 1 else 'cells'}"


def _preprocessor(store: Store) -> Preprocessor:
    path = store.folder / PREPROCESSING
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
