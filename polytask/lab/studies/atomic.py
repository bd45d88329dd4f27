"""Files that are there as a whole or not at all."""

import os
from pathlib import Path

MARK = ".polytask-tmp"


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write aside, then rename: a kill at any time leaves the old file or the new.

    Args:
        path: The file; its folder exists.
        content: Bytes, or text for UTF-8.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    aside = scratch(path)
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def scratch(path: Path) -> Path:
    """Return the name, unique to this process, of the file written aside."""
    return path.with_name(f".{path.stem}.{os.getpid()}{MARK}{path.suffix}")


def sweep(folder: Path) -> None:
    """Remove what killed processes had written aside."""
    for left in folder.glob(f".*{MARK}*"):
        left.unlink(missing_ok=True)
