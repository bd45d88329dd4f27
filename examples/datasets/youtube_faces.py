"""YouTube Faces frames: where the face is, its landmarks, and who it is."""

import csv
import io
import re
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from examples.datasets.official_files import official_files
from examples.datasets.pictures import PictureRows, PictureSet, PictureStore
from polytask.errors import UserError
from polytask.lab.tables.fetch import DataEntry, DataFile, fetch, folder_of

SIZE = 64
POINTS = 68
FRAMES = "DERIVED_ytfaces_gray64.npz"
NAME = re.compile(r"(?P<person>.+)_(?P<video>\d)(?P<frame>\d)\.jpg")
FILES = dict(zip(("train", "test"), official_files("youtube_faces"), strict=True))
# The archive keeps the frames of each part in a folder of its own.
FOLDERS = {"train": "training", "test": "test"}


def load_youtube_faces(
    data_dir: str | Path | None = None, on_bad_picture: str = "raise", seed: int = 0
) -> PictureSet:
    """Load the frames of 347 persons, as 64 by 64 gray pixels, split by video.

    The official test frames come from the videos of the training frames, so the two
    parts are put together and split anew: one video of each person, drawn at random,
    is the test part. If the folder holds `DERIVED_ytfaces_gray64.npz`, written before
    by `write_youtube_frames`, its frames are read instead of the pictures.

    Args:
        data_dir: A folder that holds
            `youtube_faces_udacity/training_frames_keypoints.csv[.gz]` and the one of
            the test frames, see `polytask.lab.tables.fetch`, and the frames, as
            unpacked from the archive or inside it.
        on_bad_picture: `"raise"`, or `"skip"` to leave out frames that are missing or
            truncated; `facts["bad pictures"]` counts them.
        seed: Of the videos drawn.

    Returns:
        Labels `landmarks` (68 points x, y) and `box` (x0, y0, x1, y1 of the points),
        as shares of width and height; `person` (0 to 346, in alphabetical order) and
        `video`.

    Raises:
        UserError: If files cannot be had or are damaged.

    Source:
        L. Wolf, T. Hassner, I. Maoz, 2011, "Face Recognition in Unconstrained Videos
        with Matched Background Similarity".
    """
    files = fetch(YOUTUBE_FACES, data_dir)
    frames = folder_of(YOUTUBE_FACES, data_dir) / FRAMES
    facts: dict[str, Any] = {**YOUTUBE_FACES.about(), "seed": seed, "bad pictures": {}}
    parts = []
    store = None if frames.is_file() else PictureStore(frames.parent)
    for part, file in FILES.items():
        names, points = _parse(files[file.name], file)
        if store is None:
            parts.append(_from_frames(frames, part, names, points))
        else:
            parts.append(_from_pictures(store, part, names, points, on_bad_picture))
    if store is not None:
        facts["bad pictures"] = dict(store.bad)
    rows = _joined(parts)
    test = _one_video_each(rows.labels["person"], rows.labels["video"], seed)
    facts["rows"] = {"train": int((~test).sum()), "test": int(test.sum())}
    return PictureSet(
        rows.take(np.flatnonzero(~test)), rows.take(np.flatnonzero(test)), facts
    )


def write_youtube_frames(folder: str | Path, on_bad_picture: str = "raise") -> Path:
    """Store the frames at 64 by 64 gray pixels, so that loading is quick.

    Args:
        folder: Holds the annotation files and the frames; the result goes there too.
        on_bad_picture: As in `load_youtube_faces`.

    Returns:
        The file.
    """
    arrays: dict[str, Any] = {}
    store = PictureStore(folder)
    files = fetch(YOUTUBE_FACES, folder)
    for part, file in FILES.items():
        names, points = _parse(files[file.name], file)
        rows = _from_pictures(store, part, names, points, on_bad_picture)
        arrays |= {
            f"x_{part}": rows.pictures,
            f"keypoints_{part}": rows.labels["landmarks"],
            f"name_{part}": np.array([name.encode() for name in rows.names]),
        }
    path = Path(folder) / FRAMES
    np.savez_compressed(path, **arrays)
    return path


def _parse(content: bytes, file: DataFile) -> tuple[list[str], np.ndarray]:
    """Read names and landmarks in pixels."""
    names, points = [], []
    lines = csv.reader(io.StringIO(content.decode("utf-8", "replace")))
    next(lines, None)
    for number, (name, *values) in enumerate(filter(None, lines), start=2):
        try:
            point = np.array(values, "float32").reshape(POINTS, 2)
        except ValueError as error:
            raise UserError(
                f"{file.name}, line {number}: expected a name and {2 * POINTS} "
                f"numbers; found {len(values)} values after {name[:40]!r}."
            ) from error
        if NAME.fullmatch(name) is None:
            raise UserError(
                f"{file.name}, line {number}: expected PERSON_VF.jpg with the digits "
                f"of video and frame; found {name[:40]!r}."
            )
        names.append(name)
        points.append(point)
    if file.rows and len(names) != file.rows:
        raise UserError(f"{file.name} has {len(names)} rows; expected {file.rows}.")
    return names, np.array(points, "float32")


def _from_frames(
    path: Path, part: str, names: list[str], points: np.ndarray
) -> PictureRows:
    try:
        with np.load(path) as file:
            pictures, shares = file[f"x_{part}"], file[f"keypoints_{part}"]
            found = [name.decode() for name in file[f"name_{part}"]]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not set(found) <= set(names) or not len(pictures) == len(shares) == len(found):
        raise UserError(
            f"{path} does not fit {FILES[part].name}. Remove it; the frames are then "
            "read again."
        )
    return _labeled(pictures, found, shares.astype("float32"))


def _from_pictures(
    store: PictureStore, part: str, names: list[str], points: np.ndarray, on_bad: str
) -> PictureRows:
    from PIL import Image

    # Some copies keep the archive's folders inside `data`.
    paths = [
        next((p for p in (path, f"data/{path}") if p in store), path)
        for path in (f"{FOLDERS[part]}/{name}" for name in names)
    ]
    store.check(paths, YOUTUBE_FACES.url)
    pictures, kept, shares = [], [], []
    for path, name, point in zip(paths, names, points, strict=True):
        picture = store.read(path, on_bad)
        if picture is not None:
            small = picture.resize((SIZE, SIZE), Image.Resampling.BOX)
            pictures.append(np.asarray(small))
            shares.append(point / np.array(picture.size, "float32"))
            kept.append(name)
    if not kept:
        raise UserError(f"No frame of {part} in {store.folder} can be read.")
    return _labeled(np.stack(pictures), kept, np.array(shares, "float32"))


def _labeled(pictures: np.ndarray, names: list[str], shares: np.ndarray) -> PictureRows:
    box = np.concatenate([shares.min(axis=1), shares.max(axis=1)], axis=1)
    video = [int(name[-6]) for name in names]
    labels = {"landmarks": shares, "box": box, "video": np.array(video, "int32")}
    return PictureRows(pictures, labels, tuple(names))


def _joined(parts: list[PictureRows]) -> PictureRows:
    names = tuple(name for part in parts for name in part.names)
    persons = [name[:-7] for name in names]
    codes = {person: code for code, person in enumerate(sorted(set(persons)))}
    labels = {
        key: np.concatenate([part.labels[key] for part in parts])
        for key in parts[0].labels
    }
    labels["person"] = np.array([codes[person] for person in persons], "int32")
    pictures = np.concatenate([part.pictures for part in parts])
    return PictureRows(pictures, labels, names)


def _one_video_each(person: np.ndarray, video: np.ndarray, seed: int) -> np.ndarray:
    """Return which rows belong to the one video drawn of each person.

    A person with a single video stays in the training part.
    """
    random = np.random.default_rng(seed)
    test = np.zeros(len(person), bool)
    for code in np.unique(person):
        videos = np.unique(video[person == code])
        if len(videos) > 1:
            test |= (person == code) & (video == random.choice(videos))
    return test


YOUTUBE_FACES = DataEntry(
    name="youtube_faces",
    title="Facial keypoints of YouTube Faces frames (Udacity)",
    homepage="https://github.com/udacity/P1_Facial_Keypoints",
    license="repository MIT; frames of the YouTube Faces DB: research only",
    license_url="https://www.cs.tau.ac.il/~wolf/ytfaces/",
    citation='L. Wolf, T. Hassner, I. Maoz (2011). "Face Recognition in Unconstrained '
    'Videos with Matched Background Similarity". CVPR.',
    load=load_youtube_faces,
    url="https://s3.amazonaws.com/video.udacity-data.com/topher/2018/May/"
    "5aea1b91_train-test-data/train-test-data.zip",
    folder="youtube_faces_udacity",
    keep_archive=True,
    files=tuple(FILES.values()),
)
