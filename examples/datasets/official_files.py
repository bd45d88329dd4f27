"""The official files of each data set: what each of them must hold."""

import csv
from pathlib import Path

from polytask.lab.tables import DataFile

TABLE = Path(__file__).with_name("files.csv")


def official_files(data_set: str) -> tuple[DataFile, ...]:
    """Return the files of a data set, as `files.csv` lists them.

    Args:
        data_set: Its identifier, such as `"movielens"`.

    Returns:
        Name, checksum of the uncompressed bytes, size, rows of each.
    """
    with TABLE.open(encoding="ascii", newline="") as table:
        return tuple(
            DataFile(
                row["file"],
                row["sha256"],
                int(row["bytes"]),
                int(row["rows"]),
                required=row["required"] == "yes",
            )
            for row in csv.DictReader(table)
            if row["data set"] == data_set
        )
