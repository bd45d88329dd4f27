"""A stored model and the rows that it is applied to, a few at a time."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import keras
import msgspec
import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.commands import reading
from polytask.lab.fitting import stored_model, stored_preprocessor
from polytask.lab.kinds import Task
from polytask.lab.studies.folder import stored_content
from polytask.lab.studies.load_data import PREPROCESSING
from polytask.lab.studies.predictor import Predictor
from polytask.lab.studies.progress import CountProgress
from polytask.lab.studies.store import Store
from polytask.lab.tables import Preprocessor
from polytask.lab.tables.read_table import TableFile

# Rows read and predicted at a time: what a network computes of them takes memory.
CHUNK = 4_096
# Cells of a chunk: a wide table is read in fewer rows.
_CELLS = 2**20


@dataclass(frozen=True)
class Applied:
    """A table with the model that predicts its rows.

    Args:
        store: The folder of the model.
        tasks: What is predicted.
        table: The table.
        preprocessor: Makes its design matrix.
        model: The model.
        weight: Column that says how much a row counts, where training had one.
    """

    store: Store
    tasks: list[Task]
    table: TableFile
    preprocessor: Preprocessor
    model: keras.Model
    weight: str | None = None
    _missing: Counter[str] = field(default_factory=Counter)
    _unseen: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, flags: argparse.Namespace) -> "Applied":
        """Read the run that the flags of a verb name, and what its table is.

        The table is read as that of the training was, where the flags do not say it.

        Raises:
            UserError: If either is missing, damaged or does not fit the other.
        """
        store = Store.existing(flags.run_folder)
        asked = reading(flags)
        with stored_content(store.folder):
            description = store.description()
            tasks = [task.trained() for task in description.tasks]
            preprocessor = stored_preprocessor(store)
            source = {n: description.source.get(n) for n in (*asked, "weight")}
            known = msgspec.convert(source, dict[str, str | None])
        table = TableFile(
            flags.table, **{name: asked[name] or known[name] for name in asked}
        )
        preprocessor.check_names(table.names)
        model = stored_model(store, tasks, len(preprocessor.feature_names))
        return cls(store, tasks, table, preprocessor, model, known["weight"])

    def chunks(self) -> Iterator[tuple[pd.DataFrame, dict[str, np.ndarray]]]:
        """Yield rows as the file has them and their predictions, a few at a time.

        Raises:
            UserError: If a row does not fit.
        """
        size = max(256, min(CHUNK, _CELLS // len(self.table.names)))
        rows = 0
        with CountProgress("rows") as progress:
            for chunk in self.table.chunks(size):
                # A forward pass is compiled for each number of rows.
                rows = max(rows, len(chunk))
                predict = Predictor(self._encoded(chunk), self.tasks, at_least=rows)
                yield chunk, predict(self.model)
                progress.more(len(chunk))

    def whole(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the table as `read_table` has it, and its design matrix.

        Raises:
            UserError: If a row does not fit.
        """
        (chunk,) = self.table.chunks()
        return self.table.with_numbers(chunk), self._encoded(chunk)

    def _encoded(self, chunk: pd.DataFrame) -> np.ndarray:
        inputs = chunk[[*self.preprocessor.input_columns]]
        try:
            rows = self.preprocessor.transform(self.table.with_numbers(inputs))
        except UserError:
            raise
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            # What was learned is plain JSON, whose numbers nothing else checks.
            raise UserError(
                f"{self.store.folder / PREPROCESSING} is damaged: {error}."
            ) from error
        self._missing.update(rows.missing)
        self._unseen.update(rows.unseen)
        return rows.x

    def say_what_was_odd(self) -> None:
        """Print which cells were missing or had an unknown category."""
        for column, cells in self._unseen.items():
            print(
                f"polytask: warning: column {column!r} has {_cells(cells)} with a "
                "category that no training row had, read as unknown.",
                file=sys.stderr,
            )
        for column, cells in self._missing.items():
            print(
                f"polytask: note: column {column!r} has {_cells(cells, 'missing ')}.",
                file=sys.stderr,
            )


def _cells(count: int, what: str = "") -> str:
    return f"{count} {what}{'cell' if count == 1 else 'cells'}"
