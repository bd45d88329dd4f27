"""Where results go: whether it can be written, and by whom."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from polytask.errors import UserError

LOCK = ".lock"


def check_place(out: Path) -> None:
    """Refuse an output below a file, or in a folder that cannot be written.

    Args:
        out: The file or folder to be made; its parents need not exist yet.

    Raises:
        UserError: Naming the output and what is in its way.

    Example:
        >>> check_place(Path("runs") / "mine")
    """
    parent = next(folder for folder in out.absolute().parents if folder.exists())
    if not parent.is_dir():
        raise UserError(f"{out} cannot be made: {parent} is a file, not a folder.")
    if not os.access(parent, os.W_OK):
        raise UserError(f"{out} cannot be made: {parent} cannot be written to.")


@contextmanager
def locked(folder: Path, called: Path | None = None) -> Iterator[None]:
    """Hold a folder for this process; a lock ends with its process, even killed.

    Args:
        folder: The folder; it exists.
        called: What the user calls it; default: the same.

    Raises:
        UserError: If another process holds it.
    """
    if (folder / LOCK).is_symlink():
        raise UserError(
            f"{folder / LOCK} is a symbolic link, which would be written through; "
            "remove it."
        )
    lock = FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"Another process is writing to {called or folder}; wait for it, or give "
            "another --out."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def stored_content(folder: Path) -> Iterator[None]:
    """Say in one sentence where what a folder holds does not fit together.

    Each file is checked when it is read. What one says of another, and the numbers of
    what was learned, show only when they are used.

    Args:
        folder: The folder of a run.

    Raises:
        UserError: In place of what damaged content leads to.
    """
    try:
        yield
    except UserError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as e:
        raise UserError(
            f"What {folder} holds is damaged or does not fit together "
            f"({type(e).__name__}: {e}); train again into another folder."
        ) from e
