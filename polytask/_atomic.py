"""Files and folders that are there as a whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = ".polytask-tmp"


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write aside, then rename: a kill at any time leaves the old file or the new.

    Args:
        path: The file; its folder exists.
        content: Bytes, or text for UTF-8.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with replacing(path) as aside:
        aside.write_bytes(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name to write to; what is written there then takes the place of `path`.

    Args:
        path: The file; its folder exists.

    Yields:
        A path in the same folder, with the same ending, for this process alone. An
        error in the block removes what was written there and leaves `path` as it was.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "numbers.csv")
        >>> with replacing(path) as aside:
        ...     with aside.open("w") as file:
        ...         _ = file.write("1,2,3")
        ...     path.exists()
        False
        >>> path.read_text()
        '1,2,3'
    """
    aside = scratch(path)
    try:
        try:
            yield aside
            with aside.open("rb+") as file:
                # Else a crash of the machine may keep the rename and lose the content.
                os.fsync(file.fileno())
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        if error.errno and error.filename in (None, str(aside), aside):
            # The name that the caller knows; a write says none.
            error.filename = str(path)
        raise


def scratch(path: Path) -> Path:
    """Return the name, of this process alone, for what will become `path`."""
    return path.with_name(f".{path.stem}.{os.getpid()}{_MARK}{path.suffix}")


def scratch_folder(folder: Path) -> Path:
    """Return where to put together what will become `folder`.

    The name is the same in every process: who locks it may clear it.
    """
    return folder.with_name(f".{folder.name}{_MARK}")


def sweep(folder: Path) -> None:
    """Remove the files that killed processes had written aside.

    Args:
        folder: Nobody else may be writing files to it.
    """
    for remains in folder.glob(f".*{_MARK}*"):
        # A folder put together aside belongs to a fit, which may still be running.
        if not remains.is_dir():
            remains.unlink(missing_ok=True)
