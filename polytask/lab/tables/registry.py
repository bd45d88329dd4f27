"""The data sets that come with polytask or that it knows how to get."""

from pathlib import Path

from polytask.errors import UserError, nearest
from polytask.lab.tables.census import CENSUS
from polytask.lab.tables.dataset import Dataset
from polytask.lab.tables.digits import DIGITS
from polytask.lab.tables.fetch import DataEntry

ENTRIES: dict[str, DataEntry] = {entry.name: entry for entry in (CENSUS, DIGITS)}


def bundled(
    name: str,
    *,
    data_dir: str | Path | None = None,
    full: bool = False,
    seed: int = 0,
    fixed_columns: bool = False,
) -> Dataset:
    """Load a table of the registry.

    Args:
        name: `"digits"` (comes with scikit-learn) or `"census"` (downloaded once, or
            read from a folder).
        data_dir: A folder that holds the files, see `polytask.lab.tables.fetch`.
        full: All training rows, where the default takes fewer to be fast.
        seed: Of the split and of what is hidden or left out.
        fixed_columns: Whether all rows decide which features there are, see
            `polytask.lab.tables.from_table`.

    Returns:
        The data set; its `facts` name source, license and every choice made.

    Raises:
        UserError: If the name is unknown, or the files cannot be had.

    Example:
        >>> data = bundled("digits")
        >>> [task.name for task in data.tasks]
        ['digit', 'even', 'at_least_five']
    """
    if name not in ENTRIES:
        raise UserError(
            f"There is no bundled data set {name!r}.{nearest(name, ENTRIES)} "
            f"Known: {', '.join(sorted(ENTRIES))}."
        )
    dataset: Dataset = ENTRIES[name].load(data_dir, full, seed, fixed_columns)
    return dataset
