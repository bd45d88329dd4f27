"""A matrix of cosines as a picture."""

import struct
import zlib

import numpy as np

# Conflict is warm, agreement is blue, indifference is white, unknown is gray.
CONFLICT, AGREEMENT, UNKNOWN = (164, 71, 15), (27, 94, 158), (190, 190, 190)


def heat_map(cosines: np.ndarray, side: int = 320) -> bytes:
    """Return the matrix as a PNG file.

    Args:
        cosines: (T, T) values from -1 to 1; NaN where unknown.
        side: Width and height in pixels, rounded to whole cells.

    Returns:
        The file's content: a square of T × T cells.

    Example:
        >>> heat_map(np.eye(2))[1:4]
        b'PNG'
    """
    known = ~np.isnan(cosines)
    values = np.where(known, np.clip(cosines, -1.0, 1.0), 0.0)[..., None]
    hue = np.where(values < 0, np.array(CONFLICT), np.array(AGREEMENT))
    colors = 255.0 + np.abs(values) * (hue - 255.0)
    colors = np.where(known[..., None], colors, np.array(UNKNOWN))
    cell = max(1, side // len(cosines))
    pixels = np.rint(colors).astype(np.uint8).repeat(cell, axis=0).repeat(cell, axis=1)
    return _png(pixels)


def _png(pixels: np.ndarray) -> bytes:
    """Return (height, width, 3) bytes as a PNG file, by the format's definition."""
    height, width, _ = pixels.shape
    # Eight bits a channel, three channels; each line begins with its filter, none.
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = np.concatenate(
        [np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1
    )
    parts = (
        (b"IHDR", header),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
