"""A matrix of cosines as a picture."""

import numpy as np

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
