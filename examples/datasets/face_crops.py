"""Squares cut from a picture: around a face, or beside it."""

from typing import Any

import numpy as np

# Side of the square around a face, and how far its center lies from the landmarks'
# center, both in units of the landmarks' extent.
SIDE = (2.16, 2.76)
SHIFT = 0.21


def square_around(landmarks: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw a square around a face, as an imperfect face detector would.

    Args:
        landmarks: Points of shape (points, 2), in pixels.
        random: Draws size and position.

    Returns:
        x0, y0 and side, int of shape (3,); it may reach beyond the picture.
    """
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    extent = max(1.0, float((high - low).max()))
    side = random.uniform(*SIDE) * extent
    center = (low + high) / 2 + random.uniform(-SHIFT, SHIFT, 2) * extent
    return np.round([*(center - side / 2), side]).astype(int)


def square_beside(
    face: np.ndarray, size: tuple[int, int], random: np.random.Generator
) -> np.ndarray | None:
    """Draw a square in the picture that shows at most a part of the face.

    Args:
        face: The face's square x0, y0, side.
        size: Width and height of the picture.
        random: Draws size and position.

    Returns:
        x0, y0 and side with an intersection over union with the face between 0.02 and
        0.25 (a hard negative), of any size from 40 % of the face's; None if 50 draws
        find none.
    """
    for _ in range(50):
        side = int(random.uniform(0.4, 1.2) * face[2])
        if side < 8 or side > min(size):
            continue
        x0, y0 = (int(random.integers(0, length - side + 1)) for length in size)
        square = np.array([x0, y0, side])
        if 0.02 <= overlap(square, face) <= 0.25:
            return square
    return None


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union of two squares x0, y0, side."""
    low = np.maximum(first[:2], second[:2])
    high = np.minimum(first[:2] + first[2], second[:2] + second[2])
    common = float(np.prod(np.clip(high - low, 0, None)))
    return common / (float(first[2]) ** 2 + float(second[2]) ** 2 - common)


def cut(picture: Any, square: np.ndarray, size: int) -> np.ndarray:
    """Cut a square from a picture and resize it by averaging.

    Args:
        picture: A `PIL.Image.Image` of mode L.
        square: x0, y0, side; what lies beyond the picture is black.
        size: Side of the result in pixels.

    Returns:
        uint8 of shape (size, size).
    """
    from PIL import Image

    x0, y0, side = (int(value) for value in square)
    part = picture.crop((x0, y0, x0 + side, y0 + side))
    return np.asarray(part.resize((size, size), Image.Resampling.BOX))


def averaged(pictures: np.ndarray, size: int) -> np.ndarray:
    """Resize square pictures by averaging over areas.

    Args:
        pictures: uint8 of shape (rows, side, side).
        size: New side, at most the old one.

    Returns:
        uint8 of shape (rows, size, size).
    """
    side = pictures.shape[1]
    edges = np.linspace(0, side, size + 1)
    cells = np.arange(side)
    shared = np.minimum(edges[1:, None], cells + 1) - np.maximum(
        edges[:-1, None], cells
    )
    weights = (np.clip(shared, 0, None) * size / side).astype("float32")
    return np.round(weights @ pictures.astype("float32") @ weights.T).astype("uint8")
