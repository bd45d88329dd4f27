"""Training pictures that are changed at random, with their labels."""

from typing import Any

import numpy as np
from face_data import SIZE

from polytask.lab.kinds import is_labeled
from polytask.training.task_mixture import TaskMixture

# Left and right eye, and corner of the mouth, change places in a mirror.
MIRRORED_POINTS = (1, 0, 2, 4, 3)
POSES = 5


class Augmented(TaskMixture):
    """A mixture whose training pictures are mirrored and shifted at random."""

    MOST = 2

    def __getitem__(self, index: int) -> tuple[Any, dict[str, np.ndarray]]:
        x, y = super().__getitem__(index)
        pictures = x["picture"] if isinstance(x, dict) else x
        flip = self.random.random(len(pictures)) < 0.5
        shift = self.random.integers(-self.MOST, self.MOST + 1, (len(pictures), 2))
        pictures[flip] = pictures[flip, :, ::-1]
        pixels = np.arange(SIZE)
        across = np.clip(pixels + shift[:, :1], 0, SIZE - 1)
        down = np.clip(pixels + shift[:, 1:], 0, SIZE - 1)
        rows = np.arange(len(pictures))[:, None, None]
        pictures[:] = pictures[rows, down[:, :, None], across[:, None, :]]
        moved = shift / SIZE
        if "landmarks" in y:
            points = y["landmarks"].reshape(-1, 5, 2)
            mirrored = points[flip][:, MIRRORED_POINTS]
            mirrored[..., 0] = 1 - mirrored[..., 0]
            points[flip] = mirrored
            points -= moved[:, None].astype("float32")
        if "box" in y:
            box = y["box"]
            box[flip] = np.stack(
                [1 - box[flip, 2], box[flip, 1], 1 - box[flip, 0], box[flip, 3]], 1
            )
            box -= np.tile(moved, 2).astype("float32")
        _mirror_pose(y, flip)
        return x, y


class Warped(TaskMixture):
    """A mixture whose training pictures are mirrored, moved, turned and scaled.

    Some lose a rectangle as well. A picture with a box is not turned: a box that holds
    a turned face is not the turned box.
    """

    #: Standard deviation of the angle in radians; largest logarithm of the scale,
    #: largest shift in pixels; share of the pictures that lose a rectangle, and its
    #: sides.
    ANGLE, SCALE, MOST = 0.1, 0.09, 1.8
    ERASED, SIDES = 0.2, (6, 15)

    def __getitem__(self, index: int) -> tuple[Any, dict[str, np.ndarray]]:
        x, y = super().__getitem__(index)
        random, count = self.random, len(x)
        flip = random.random(count) < 0.5
        scale = np.exp(random.uniform(-self.SCALE, self.SCALE, count))
        angle = np.clip(random.normal(0, self.ANGLE, count), -0.25, 0.25)
        shift = random.uniform(-self.MOST, self.MOST, (count, 2)) / SIZE
        if "box" in y:
            angle[is_labeled(y["box"])] = 0
        # Where a point of the new picture lies in the old one, from the center.
        cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
        warp = np.stack([cosine, -sine, sine, cosine], 1).reshape(-1, 2, 2)
        warp[flip, :, 0] *= -1
        x = _erased(_warped(x, warp, shift), self.ERASED, self.SIDES, random)
        back = np.linalg.inv(warp)
        if "landmarks" in y:
            points = _moved(y["landmarks"].reshape(-1, 5, 2), back, shift)
            points[flip] = points[flip][:, MIRRORED_POINTS]
            y["landmarks"] = points.reshape(-1, 10)
        if "box" in y:
            corners = _moved(y["box"].reshape(-1, 2, 2), back, shift)
            y["box"] = np.concatenate([corners.min(axis=1), corners.max(axis=1)], 1)
        _mirror_pose(y, flip)
        return x, y


def _mirror_pose(y: dict[str, np.ndarray], flip: np.ndarray) -> None:
    """Let left profiles be right ones where the picture is mirrored."""
    if "pose" in y:
        turned = flip & is_labeled(y["pose"])
        y["pose"][turned] = POSES - 1 - y["pose"][turned]


def _moved(points: np.ndarray, back: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return where points of the old pictures lie in the new ones."""
    moved = np.einsum("nij,nkj->nki", back, points - 0.5 - shift[:, None]) + 0.5
    return moved.astype("float32")


def _warped(pictures: np.ndarray, warp: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return warped pictures, between pixels by bilinear interpolation."""
    places = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    grid = np.stack(np.meshgrid(places, places)).reshape(2, -1)
    found = (warp @ grid + 0.5 + shift[:, :, None]) * SIZE - 0.5
    # What lies beyond the picture is its border.
    found = np.clip(found, 0, SIZE - 1.001).astype("float32")
    low = found.astype("int32")
    across, down = (found - low).transpose(1, 0, 2)
    first = np.arange(len(pictures))[:, None] * SIZE**2 + low[:, 1] * SIZE + low[:, 0]
    pixels = pictures.reshape(-1)
    top = pixels[first] * (1 - across) + pixels[first + 1] * across
    first += SIZE
    bottom = pixels[first] * (1 - across) + pixels[first + 1] * across
    return (top * (1 - down) + bottom * down).reshape(pictures.shape)


def _erased(
    pictures: np.ndarray,
    share: float,
    sides: tuple[int, int],
    random: np.random.Generator,
) -> np.ndarray:
    """Set a random rectangle of a share of the pictures to their mean."""
    for row in np.flatnonzero(random.random(len(pictures)) < share):
        height, width = random.integers(*sides, 2)
        top, left = random.integers(0, (SIZE - height, SIZE - width))
        cut = pictures[row, top : top + height, left : left + width]
        cut[:] = pictures[row].mean()
    return pictures
