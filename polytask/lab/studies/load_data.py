"""The data of a study, and the preprocessing that belongs to an own table."""

import warnings
from pathlib import Path

from polytask.errors import TableWarning, UserError
from polytask.lab.tables import Dataset, Preprocessor, bundled, from_table, read_table
from polytask_options import DataSource


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
    return from_table(
        table,
        dict(source.tasks),
        inputs=source.inputs,
        split=source.split,
        seed=source.seed,
        name=path.name.split(".")[0],
        exclude=source.exclude,
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
