"""The data of a study, and the preprocessing that belongs to an own table."""

import warnings
from pathlib import Path

import pandas as pd

from polytask._atomic import write_atomically
from polytask.errors import TableWarning, UserError
from polytask.lab.tables import Dataset, Preprocessor, bundled, from_table, read_table
from polytask.lab.tables.split_file import SPLIT_FILE, split_text
from polytask_options import DataSource

PREPROCESSING = "preprocessing.json"


def load_data(source: DataSource) -> tuple[Dataset, Preprocessor | None]:
    """Return the data set that a study names.

    Args:
        source: A bundled data set or a table.

    Returns:
        The data set; for an own table also its preprocessing.

    Raises:
        UserError: If the data cannot be read or do not fit the tasks.
    """
    if source.name:
        dataset = bundled(
            source.name,
            data_dir=source.data_dir,
            full=source.full,
            seed=source.seed,
        )
        return dataset, None
    path = Path(source.file)
    table = read_table(
        path, sep=source.sep, decimal=source.decimal, encoding=source.encoding
    )
    return own_data(source, table, path.name.split(".")[0])


def own_data(
    source: DataSource, table: pd.DataFrame, name: str
) -> tuple[Dataset, Preprocessor]:
    """Return the data set of a table that is read.

    Args:
        source: How its columns are used.
        table: The table.
        name: What reports call it.

    Raises:
        UserError: If the table does not fit.
    """
    return from_table(
        table,
        dict(source.tasks),
        inputs=source.inputs,
        split=source.split,
        seed=source.seed,
        name=name,
        exclude=source.exclude,
        weight=source.weight,
        columns=dict(source.columns),
        min_frequency=source.min_frequency,
        max_categories=source.max_categories,
    )


def same_data(source: DataSource, known: str) -> Dataset:
    """Return the data set that another process has read, and shown the warnings of.

    Args:
        source: A bundled data set or a table.
        known: The fingerprint that the other process found.

    Raises:
        UserError: If the data are not the same.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        dataset, _ = load_data(source)
    if dataset.facts["fingerprint"] != known:
        name = source.name or source.file
        raise UserError(f"The data of {name} changed during the study.")
    return dataset


def write_data_files(
    folder: Path, dataset: Dataset, preprocessor: Preprocessor
) -> None:
    """Write what belongs to a run on an own table: preprocessing and split.

    Args:
        folder: Of the run.
        dataset: Its data.
        preprocessor: Their preprocessing.
    """
    write_atomically(folder / PREPROCESSING, preprocessor.to_json())
    write_atomically(folder / SPLIT_FILE, split_text(dataset.rows))
