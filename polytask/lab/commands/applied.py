"""A stored model and the rows that it is applied to."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.commands import reading
from polytask.lab.fitting import stored_model, stored_preprocessor
from polytask.lab.kinds import Task
from polytask.lab.studies.load_data import PREPROCESSING
from polytask.lab.studies.predictor import CHUNK, Predictor
from polytask.lab.studies.store import Store
from polytask.lab.tables import read_table
from polytask.lab.tables.preprocessor import TransformResult


@dataclass(frozen=True)
class Applied:
    """A table with the model that predicts its rows.

    Args:
        tasks: What is predicted.
        frame: The table.
        rows: Its design matrix.
        model: The model.
        weight: Column that says how much a row counts, where training had one.
    """

    tasks: list[Task]
    frame: pd.DataFrame
    rows: TransformResult
    model: keras.Model
    weight: str | None = None

    @classmethod
    def read(cls, flags: argparse.Namespace) -> "Applied":
        """Read the run and the table that the flags of a verb name.

        Raises:
            UserError: If either is missing, damaged or does not fit the other.
        """
        store = Store.existing(flags.run_folder)
        description = store.description()
        tasks = [task.trained() for task in description.tasks]
        preprocessor = stored_preprocessor(store)
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
        model = stored_model(store, tasks, rows.x.shape[1])
        return cls(tasks, frame, rows, model, description.source.get("weight"))

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
