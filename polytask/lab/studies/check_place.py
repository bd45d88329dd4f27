"""Whether an output can be written, asked before the work and not after it."""

import os
from pathlib import Path

from polytask.errors import UserError


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
