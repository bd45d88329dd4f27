"""What TensorBoard shows of the gradients: numbers and a picture of cosines."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

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


# Conflict is warm, agreement is blue, indifference is white, unknown is gray.
CONFLICT, AGREEMENT, UNKNOWN = (164, 71, 15), (27, 94, 158), (190, 190, 190)


def heat_map(cosines: np.ndarray, side: int = 320) -> np.ndarray:
    """Return the pixels of a square of T x T cells.

    Args:
        cosines: (T, T) values from -1 to 1; NaN where unknown.
        side: Width and height in pixels, rounded to whole cells.

    Returns:
        (height, width, 3) bytes: red, green, blue.

    Example:
        >>> heat_map(np.eye(2), side=2)[0].tolist()
        [[27, 94, 158], [255, 255, 255]]
    """
    known = ~np.isnan(cosines)
    values = np.where(known, np.clip(cosines, -1.0, 1.0), 0.0)[..., None]
    hue = np.where(values < 0, np.array(CONFLICT), np.array(AGREEMENT))
    colors = 255.0 + np.abs(values) * (hue - 255.0)
    colors = np.where(known[..., None], colors, np.array(UNKNOWN))
    cell = max(1, side // len(cosines))
    return np.rint(colors).astype(np.uint8).repeat(cell, axis=0).repeat(cell, axis=1)
