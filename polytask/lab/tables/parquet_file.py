"""A Parquet file as a table."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from polytask.errors import UserError
from polytask.lab.tables.limits import check_column_names, check_size

# Rows that are unpacked at a time, before it is known how large they are.
_FEW = 4_096


class ParquetTable:
    """A Parquet file, of which no more is unpacked than asked.

    Args:
        path: The file.

    Attributes:
        names: Of the columns.

    Raises:
        UserError: If it is damaged, or has too many columns.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._readable():
            # The names come first: pyarrow cannot read a table that repeats one.
            schema = parquet.read_schema(path)
            check_column_names(schema.names, str(path))
            # Without rows it says which columns are the index of a DataFrame.
            self.names = [str(n) for n in schema.empty_table().to_pandas().columns]

    def chunks(self, rows: int | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows.

        Args:
            rows: Of a chunk; None for all, if that is not too much for the memory.

        Raises:
            UserError: If the file is damaged or unpacks to too much.
        """
        with self._readable(), parquet.ParquetFile(self.path) as file:
            if rows is None:
                about = file.metadata
                # A column of equal cells takes no room in the file.
                check_size(self.path, 8 * about.num_rows * about.num_columns)
                yield self._whole(file)
                return
            start = 0
            for batch in file.iter_batches(batch_size=rows):
                chunk = batch.to_pandas()
                chunk.index = pd.RangeIndex(start, start := start + len(chunk))
                yield chunk

    def _whole(self, file: parquet.ParquetFile) -> pd.DataFrame:
        batches, size = [], 0
        for batch in file.iter_batches(batch_size=_FEW):
            batches.append(batch)
            size += batch.nbytes
            check_size(self.path, size)
        table = pa.Table.from_batches(batches, file.schema_arrow)
        return table.to_pandas().reset_index(drop=True)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Say in one sentence what Arrow finds wrong."""
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise UserError(
                f"{self.path} is not a readable Parquet file: {error}"
            ) from error
