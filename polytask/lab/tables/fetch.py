"""A data set's files and terms; its files from a folder, the cache or the network."""

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from polytask._atomic import write_atomically
from polytask.errors import UserError

VARIABLE = "POLYTASK_DATA"


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
        load: `(data_dir, full, seed, fixed_columns) -> Dataset` for a table, and the
            function that a user calls for anything else.
        url: The archive, or the only file, to download; empty for data that come with
            a dependency.
        archive: Its file name, where `url` does not end in it.
        sha256: Of the archive, where it is known; the files in it have their own.
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
    archive: str = ""
    sha256: str = ""
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


def fetch(entry: DataEntry, data_dir: str | Path | None = None) -> dict[str, bytes]:
    """Return the uncompressed files of a data set.

    Looked for in `data_dir`, the folder that the environment variable `POLYTASK_DATA`
    names, and Keras's cache (`~/.keras/datasets/polytask`), in each both directly and
    in the entry's subfolder, plain or gzipped. If none has the required files, the
    archive is downloaded once into the cache, by pooch.

    Args:
        entry: An entry of `polytask.lab.tables.ENTRIES`.
        data_dir: A folder with the files.

    Returns:
        File name → bytes; optional files only where they are found.

    Raises:
        UserError: If a folder does not exist or holds some of the required files
            only, a file is damaged or not the expected one, or nothing is found and
            the download fails.
    """
    *folders, cache = data_folders(entry, data_dir)
    for folder in folders:
        paths, missing = _paths(folder, entry)
        if paths and missing:
            raise UserError(
                f"{folder} holds {len(paths)} of the {len(entry.files)} files of "
                f"{entry.name!r}; missing: {', '.join(missing)}."
            )
        if not missing:
            return _contents(paths, entry)
    paths, missing = _paths(cache, entry)
    # A killed download may have left some of them.
    if missing:
        _download(entry, cache)
        paths, missing = _paths(cache, entry)
    if missing:
        raise UserError(
            f"The archive {entry.url} does not hold {', '.join(missing)}. {_how(entry)}"
        )
    return _contents(paths, entry)


def data_folders(entry: DataEntry, data_dir: str | Path | None) -> list[Path]:
    """Return the folders to look in; the last one is the cache.

    Args:
        entry: An entry of `polytask.lab.tables.ENTRIES`.
        data_dir: A folder with the files, or None.

    Returns:
        Of `data_dir` and of the folder that `POLYTASK_DATA` names, the entry's
        subfolder and the folder itself; then the cache.

    Raises:
        UserError: If a folder does not exist.
    """
    roots = []
    choices = (("data_dir", data_dir), (VARIABLE, os.environ.get(VARIABLE)))
    for option, folder in choices:
        if folder:
            if not Path(folder).is_dir():
                raise UserError(f"{option} is {str(folder)!r}, which is not a folder.")
            roots.append(Path(folder))
    folders = [place for root in roots for place in (root / entry.folder, root)]
    return [*folders, _cache() / entry.folder]


def folder_of(entry: DataEntry, data_dir: str | Path | None) -> Path:
    """Return the folder whose files `fetch` returns, for what lies beside them.

    Args:
        entry: An entry of `polytask.lab.tables.ENTRIES`, fetched before.
        data_dir: As given to `fetch`.

    Returns:
        The folder.

    Raises:
        UserError: If no folder holds the files.
    """
    for folder in data_folders(entry, data_dir):
        if not _paths(folder, entry)[1]:
            return folder
    raise UserError(f"The files of {entry.name!r} are in no folder. {_how(entry)}")


def _cache() -> Path:
    """Return where Keras keeps data, without importing a backend to ask it."""
    home = os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser()
    return Path(home) / "datasets" / "polytask"


def _paths(folder: Path, entry: DataEntry) -> tuple[dict[str, Path], list[str]]:
    """Return where the entry's files are, and the required ones that are missing."""
    paths, missing = {}, []
    for file in entry.files:
        for path in (folder / file.name, folder / f"{file.name}.gz"):
            if path.is_file():
                paths[file.name] = path
                break
        else:
            if file.required:
                missing.append(file.name)
    return paths, missing


def _contents(paths: dict[str, Path], entry: DataEntry) -> dict[str, bytes]:
    return {
        file.name: _checked(_bytes(paths[file.name]), file, paths[file.name])
        for file in entry.files
        if file.name in paths
    }


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def _checked(content: bytes, file: DataFile, path: Path) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    if file.sha256 and digest != file.sha256:
        raise UserError(
            f"{path} is not the expected {file.name}: its uncompressed content has the "
            f"SHA-256 {digest} ({len(content)} bytes), expected {file.sha256} "
            f"({file.size} bytes). Remove it or replace it by the official file."
        )
    return content


def _how(entry: DataEntry) -> str:
    """Return the two ways to supply the files by hand."""
    first, *others = [f"{f.name}[.gz]" for f in entry.files if f.required]
    more = f" and {len(others)} more" if others else ""
    return (
        f"Put the file{'s' * bool(others)} at FOLDER/{entry.folder}/{first}{more} and "
        "either pass the folder (--data-dir FOLDER, data_dir=...) or set the "
        f"environment variable {VARIABLE}=FOLDER."
    )


def _download(entry: DataEntry, folder: Path) -> None:
    """Download the archive and keep the wanted files, gzipped, in `folder`."""
    # Imported here: reading a table or a local file needs no network.
    import pooch

    archive = folder / (entry.archive or entry.url.rsplit("/", 1)[-1])
    hashes = {file.name: file.sha256 for file in entry.files}
    known = entry.sha256 or hashes.get(archive.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Of another version or a killed program; pooch would take it for the archive.
        archive.unlink(missing_ok=True)
        pooch.retrieve(
            entry.url,
            known_hash=f"sha256:{known}" if known else None,
            fname=archive.name,
            path=folder,
            downloader=_copy if entry.url.startswith("file:") else None,
        )
    except (OSError, ValueError) as error:
        raise UserError(
            f"The data set {entry.name!r} could not be downloaded from {entry.url}: "
            f"{error}. {_how(entry)}"
        ) from error
    wanted = {file.name: file.sha256 for file in entry.files}
    try:
        alone = archive.name in wanted
        files = [_plain(archive.name, archive.read_bytes())] if alone else None
        for member, content in files or _members(archive):
            if member in wanted:
                # An archive may hold several files of one name in different folders.
                if hashlib.sha256(content).hexdigest() == wanted[member]:
                    del wanted[member]
                packed = gzip.compress(content, mtime=0)
                write_atomically(folder / f"{member}.gz", packed)
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError) as error:
        archive.unlink()
        raise UserError(f"The archive {archive} is damaged: {error}.") from error
    if not entry.keep_archive:
        archive.unlink()


def _copy(url: str, output_file: str, pooch: Any) -> None:
    """Copy a file: what pooch calls for an address that it does not know."""
    shutil.copyfile(url2pathname(urlsplit(url).path), output_file)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield file name and content of a zip, and of tar archives inside it."""
    with zipfile.ZipFile(archive) as outer:
        for name in outer.namelist():
            content = outer.read(name)
            if name.endswith((".tar.gz", ".tgz", ".tar")):
                with tarfile.open(fileobj=io.BytesIO(content)) as inner:
                    for member in inner.getmembers():
                        opened = inner.extractfile(member)
                        if opened is not None:
                            yield _plain(member.name, opened.read())
            else:
                yield _plain(name, content)


def _plain(name: str, content: bytes) -> tuple[str, bytes]:
    """Return the base name and the content without gzip."""
    base = name.rsplit("/", 1)[-1]
    if base.endswith(".gz"):
        return base.removesuffix(".gz"), gzip.decompress(content)
    return base, content
