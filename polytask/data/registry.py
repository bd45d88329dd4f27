"""The data sets that come with polytask or that it knows how to get."""

from pathlib import Path

from polytask.data.census import CENSUS
from polytask.data.dataset import Dataset
from polytask.data.digits import DIGITS
from polytask.data.entry import DataEntry
from polytask.data.fdu_mtl import FDU_MTL
from polytask.data.movielens import MOVIELENS
from polytask.data.mtfl import MTFL
from polytask.data.olivetti import OLIVETTI
from polytask.data.taobao import TAOBAO
from polytask.data.youtube_faces import YOUTUBE_FACES
from polytask.errors import UserError, nearest

ENTRIES: dict[str, DataEntry] = {
    entry.name: entry
    for entry in (
        CENSUS,
        DIGITS,
        FDU_MTL,
        MOVIELENS,
        MTFL,
        OLIVETTI,
        TAOBAO,
        YOUTUBE_FACES,
    )
}


def bundled(
    name: str,
    *,
    data_dir: str | Path | None = None,
    full: bool = False,
    seed: int = 0,
) -> Dataset:
    """Load a table of the registry.

    Args:
        name: `"digits"` (comes with scikit-learn) or `"census"` (downloaded once, or
            read from a folder).
        data_dir: A folder that holds the files, see `polytask.data.fetch`.
        full: All training rows, where the default takes fewer to be fast.
        seed: Of the split and of what is hidden or left out.

    Returns:
        The data set; its `facts` name source, license and every choice made.

    Raises:
        UserError: If the name is unknown or not that of a table, or the files cannot
            be had.

    Example:
        >>> data = bundled("digits")
        >>> [task.name for task in data.tasks]
        ['digit', 'even', 'at_least_five']
    """
    tables = [entry.name for entry in ENTRIES.values() if entry.kind == "table"]
    if name not in ENTRIES:
        raise UserError(
            f"There is no bundled data set {name!r}.{nearest(name, tables)} "
            f"Known: {', '.join(sorted(tables))}."
        )
    entry = ENTRIES[name]
    if name not in tables:
        raise UserError(
            f"{name!r} holds {entry.kind}, not a table: load it by "
            f"polytask.data.{entry.load.__name__}(data_dir)."
        )
    dataset: Dataset = entry.load(data_dir, full, seed)
    return dataset
