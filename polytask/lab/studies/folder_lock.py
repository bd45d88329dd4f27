"""One writer at a time in a study folder."""

import os
import sys
from pathlib import Path
from types import TracebackType

from polytask.errors import UserError

NAME = ".lock"


class FolderLock:
    """A lock that the operating system drops when its process ends, even killed.

    Args:
        folder: The folder; it exists.

    Raises:
        UserError: On entry, if another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.descriptor = -1

    def __enter__(self) -> "FolderLock":
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT)
        try:
            _lock(self.descriptor)
        except OSError:
            os.close(self.descriptor)
            raise UserError(
                f"Another process is writing to {self.path.parent}; wait for it, or "
                "give another --out."
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The file stays: removing it would let two processes lock two files.
        os.close(self.descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
