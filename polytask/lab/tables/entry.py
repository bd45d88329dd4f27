"""What the registry knows about a bundled data set."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Args:
        name: File name without `.gz`; a gzipped copy serves as well.
        sha256: Of the uncompressed bytes, so that it holds for any compression; empty
            where no copy was at hand to compute it.
        size: Uncompressed bytes; 0 where unknown.
        rows: Number of rows, checked after reading; 0 where unknown.
        required: Whether the data set works without the file.
    """

    name: str
    sha256: str = ""
    size: int = 0
    rows: int = 0
    required: bool = True


@dataclass(frozen=True)
class DataEntry:
    """A data set that polytask can load.

    Args:
        name: Its identifier, such as `"census"`.
        title: Its full name.
        homepage: The page that describes it.
        license: Name of the license.
        license_url: Its text.
        citation: How to cite the data.
        load: `(data_dir, full, seed) -> Dataset` for a table, and the function that
            a user calls for anything else.
        url: The archive, or the only file, to download; empty for data that come with
            a dependency.
        keep_archive: Whether the archive stays, because pictures are read from it.
        folder: Subfolder of a data folder that holds the files.
        files: The files wanted from the archive.
    """

    name: str
    title: str
    homepage: str
    license: str
    license_url: str
    citation: str
    load: Callable[..., Any] = field(repr=False)
    url: str = ""
    keep_archive: bool = False
    folder: str = ""
    files: tuple[DataFile, ...] = ()

    def about(self) -> dict[str, Any]:
        """Return the facts that every loader puts into `Dataset.facts`."""
        return {
            "source": self.title,
            "url": self.url or self.homepage,
            "homepage": self.homepage,
            "license": self.license,
            "license_url": self.license_url,
            "citation": self.citation,
        }
