"""TensorBoard's files, without TensorFlow."""

from importlib import import_module
from pathlib import Path
from typing import Any

from polytask.errors import UserError


class EventLog:
    """A `tensorboardX.SummaryWriter` that makes its file with the first event.

    Args:
        folder: Where.

    Raises:
        UserError: If `tensorboardX`, or Pillow for its images, is missing.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._make = import_module("tensorboardX").SummaryWriter
            # Looked for now, not when the first image is written.
            import_module("PIL.Image")
        except ImportError as error:
            raise UserError(
                "log_dir needs the packages tensorboardX and pillow, one of which "
                f"cannot be imported ({error}): pip install 'polytask[tensorboard]'."
            ) from error
        self.folder = folder
        self._made: Any = None

    @property
    def writer(self) -> Any:
        """The writer; one that was closed begins another file."""
        if self._made is None:
            self._made = self._make(str(self.folder))
        return self._made

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._made is not None:
            self._made.close()
            self._made = None
