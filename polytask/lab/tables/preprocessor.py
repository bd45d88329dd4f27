"""Table columns to a design matrix, learned from training rows, stored as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from polytask.errors import UserError, listed, nearest
from polytask.lab.tables.column import INPUT_KINDS, Column
from polytask.lab.tables.encoder import Encoder, FitOptions
from polytask.lab.tables.encoders import ENCODERS, CodeEncoder, encoder_from_dict
from polytask.lab.tables.read_column import read_column

FORMAT = 1


class TransformResult(NamedTuple):
    """A design matrix, and what was odd about the rows.

    Args:
        x: float32 of shape (rows, features).
        unseen: Column → number of cells whose value no training row had.
        missing: Column → number of missing cells.
    """

    x: np.ndarray
    unseen: dict[str, int]
    missing: dict[str, int]


class Preprocessor:
    """Turns tables into design matrices as learned from training rows.

    Numbers get the median where missing, zero mean and unit variance; booleans are
    0/1; categories become one feature each (the rare ones one together); dates become
    year, month, day of the week, hour and elapsed days; of a text, words and pairs of
    words are hashed into 0/1 features. Columns with missing cells in training get an
    indicator. What is learned equals scikit-learn's `SimpleImputer`, `StandardScaler`
    and `OneHotEncoder`; it is written as readable JSON, and a preprocessor read back
    gives the same bits.

    Args:
        encoders: One per input column.
        notes: Sentences about decisions that a reader should know.

    Example:
        >>> table = pd.DataFrame({"age": [20, 30, 40], "job": ["a", "b", "b"]})
        >>> kinds = {"age": "numeric", "job": "categorical"}
        >>> preprocessor = Preprocessor.fit(table, kinds, min_frequency=1)
        >>> preprocessor.feature_names
        ('age', 'job=a', 'job=b')
        >>> preprocessor.transform(pd.DataFrame({"age": [30], "job": ["c"]})).unseen
        {'job': 1}
    """

    def __init__(self, encoders: tuple[Encoder, ...], notes: tuple[str, ...] = ()):
        self.encoders = encoders
        self.notes = notes

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        kinds: Mapping[str, str],
        *,
        min_frequency: int = 5,
        max_categories: int = 50,
        date_formats: Mapping[str, str] | None = None,
    ) -> "Preprocessor":
        """Learn from training rows.

        Args:
            frame: The training rows, and only those.
            kinds: Column → `"numeric"`, `"categorical"`, `"boolean"`, `"date"` or
                `"ngrams"`; or `"code"` for categories that an embedding takes, see
                `code_sizes`.
            min_frequency: A category in fewer training rows is grouped as rare.
            max_categories: At most so many features per categorical column, the rare
                group included; the least frequent categories are grouped.
            date_formats: Column → `strptime` format or `"ISO8601"`, where the training
                rows alone may not tell day from month.

        Returns:
            The preprocessor. Columns that do not vary over the training rows have no
            features, and a note says so.

        Raises:
            UserError: If a column is absent, of an unknown kind, holds infinite or
                unreadable values, or if no column is left.
        """
        forms = date_formats or {}
        columns = []
        for name, kind in kinds.items():
            if kind not in ENCODERS:
                raise UserError(
                    f"Column {name!r} has the kind {kind!r}.{nearest(kind, ENCODERS)} "
                    f"Accepted: {', '.join(INPUT_KINDS)}."
                )
            form = forms.get(name, "")
            columns.append(read_column(_series(frame, name), name, kind, form))
        return cls.fit_columns(columns, FitOptions(min_frequency, max_categories))

    @classmethod
    def fit_columns(
        cls,
        columns: Sequence[Column],
        options: FitOptions,
        everywhere: Sequence[Column] | None = None,
    ) -> "Preprocessor":
        """Learn from training rows that are read already; otherwise as `fit`.

        Args:
            columns: The training rows.
            options: Of the encoders.
            everywhere: The same columns with all rows, where these decide which
                features there are, so that every split has the same.
        """
        encoders = []
        notes = []
        for column, deciding in zip(columns, everywhere or columns, strict=True):
            encoder = ENCODERS[column.kind].fit(deciding, options)
            if everywhere is not None:
                encoder = encoder.scaled_by(column)
            if encoder.features:
                encoders.append(encoder)
            else:
                of_training = " training" * (everywhere is None)
                notes.append(
                    f"Column {column.name!r} is left out: it does not vary over the "
                    f"{len(deciding)}{of_training} row{'s' * (len(deciding) != 1)}."
                )
            if encoder.features and encoder.note:
                notes.append(encoder.note)
        if not encoders:
            raise UserError(
                "No input column is left: "
                + (" ".join(notes) or "none was given besides the targets.")
            )
        return cls(tuple(encoders), tuple(notes))

    @property
    def input_columns(self) -> tuple[str, ...]:
        """The columns that a table must have."""
        return tuple(encoder.name for encoder in self.encoders)

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each input column."""
        return {encoder.name: encoder.kind for encoder in self.encoders}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of each feature, such as `"age"` or `"job=nurse"`."""
        return tuple(name for encoder in self.encoders for name in encoder.features)

    @property
    def feature_sources(self) -> tuple[str, ...]:
        """The column behind each feature."""
        return tuple(e.name for e in self.encoders for _ in e.features)

    @property
    def missing_features(self) -> tuple[float, ...]:
        """What each feature holds where the cell is missing.

        Example:
            >>> table = pd.DataFrame({"age": [20.0, 40.0, None], "kg": [1.0, 3.0, 2.0]})
            >>> kinds = {"age": "numeric", "kg": "numeric"}
            >>> preprocessor = Preprocessor.fit(table, kinds)
            >>> preprocessor.feature_names, preprocessor.missing_features
            (('age', 'age=(missing)', 'kg'), (0.0, 1.0, 0.0))
        """
        empty = pd.Series([None], dtype=object)
        columns = {
            e.name: read_column(empty, e.name, e.kind, e.form) for e in self.encoders
        }
        return tuple(map(float, self.transform_columns(columns).x[0]))

    @property
    def code_sizes(self) -> dict[int, int]:
        """Feature that holds codes → how many there are, 0 for a missing cell.

        Example:
            >>> table = pd.DataFrame({"city": ["Rom", "Rom", "Ulm", None]})
            >>> kinds = {"city": "code"}
            >>> preprocessor = Preprocessor.fit(table, kinds, min_frequency=1)
            >>> preprocessor.code_sizes
            {0: 4}
            >>> preprocessor.transform(table).x[:, 0].tolist()
            [2.0, 2.0, 3.0, 0.0]
        """
        sizes = {e.name: e.size for e in self.encoders if isinstance(e, CodeEncoder)}
        sources = enumerate(self.feature_sources)
        return {place: sizes[name] for place, name in sources if name in sizes}

    def transform(self, frame: pd.DataFrame) -> TransformResult:
        """Encode rows, whether they were in training or not.

        Args:
            frame: A table with the input columns; others are ignored.

        Returns:
            The design matrix with counts of unseen and missing values.

        Raises:
            UserError: If an input column is absent or holds unreadable values.
        """
        self.check_names([str(name) for name in frame.columns])
        return self.transform_columns(
            {
                e.name: read_column(_series(frame, e.name), e.name, e.kind, e.form)
                for e in self.encoders
            }
        )

    def check_names(self, names: Sequence[str]) -> None:
        """Raise `UserError` if a table of columns with these names lacks an input."""
        absent = [name for name in self.input_columns if name not in names]
        if len(absent) > 1:
            raise UserError(
                f"The table lacks {len(absent)} input columns: "
                f"{listed(map(repr, absent))}. Its columns: {listed(names)}."
            )
        for name in absent:
            raise UserError(
                f"The table has no input column {name!r}.{nearest(name, names)} "
                f"Its columns: {listed(names)}."
            )

    def transform_columns(self, columns: Mapping[str, Column]) -> TransformResult:
        """Encode rows that are read already; otherwise as `transform`."""
        rows = len(columns[self.encoders[0].name])
        x = np.zeros((rows, len(self.feature_names)), dtype=np.float32)
        unseen: dict[str, int] = {}
        missing: dict[str, int] = {}
        start = 0
        for encoder in self.encoders:
            column = columns[encoder.name]
            stop = start + len(encoder.features)
            if count := encoder.write(column, x[:, start:stop]):
                unseen[encoder.name] = count
            start = stop
            if count := int(column.missing.sum()):
                missing[encoder.name] = count
        return TransformResult(x, unseen, missing)

    def to_json(self) -> str:
        """Return everything that was learned as readable JSON text."""
        content = {
            "format": FORMAT,
            "columns": [encoder.to_dict() for encoder in self.encoders],
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Preprocessor":
        """Return the preprocessor that `to_json` wrote.

        Raises:
            UserError: If the text is damaged or of another format.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            if content["format"] != FORMAT:
                raise UserError(
                    f"The stored preprocessing has format {content['format']}; this "
                    f"version of polytask reads format {FORMAT}."
                )
            encoders = tuple(encoder_from_dict(c) for c in content["columns"])
            return cls(encoders, tuple(content["notes"]))
        except UserError:
            raise
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise UserError(
                f"The stored preprocessing is damaged: {type(error).__name__} {error}."
            ) from error


def _series(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        known = [str(column) for column in frame.columns]
        raise UserError(
            f"The table has no input column {name!r}.{nearest(name, known)} "
            f"Its columns: {listed(known)}."
        )
    column: pd.Series = frame[name]
    return column
