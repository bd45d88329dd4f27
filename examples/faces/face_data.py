"""The rows of the three data sets, as one mixture of sources with sparse labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from examples.datasets import (
    load_mtfl,
    load_mtfl_backgrounds,
    load_olivetti,
    load_youtube_faces,
)
from examples.datasets.face_crops import averaged
from examples.datasets.pictures import PictureRows
from polytask.lab.kinds import MISSING, is_labeled

SIZE = 40
SUBJECTS = 40
PERSONS = 347
IDENTITIES = SUBJECTS + PERSONS
BINARY = ("gender", "smile", "glasses")
Rows = dict[str, tuple[np.ndarray, dict[str, np.ndarray]]]


@dataclass(frozen=True)
class Faces:
    """Source → (pictures, labels) of each part, and what is to be said of the data.

    Faces and backgrounds of MTFL are one source: a network that knew them apart by
    their source would not have to look at the picture.
    """

    train: Rows
    validation: Rows
    test: Rows
    facts: dict[str, Any]


def load(data_dir: Path | None, seed: int = 0) -> Faces:
    """Load all rows; the split is the same for every training."""
    mtfl = load_mtfl(data_dir)
    beside = load_mtfl_backgrounds(mtfl, data_dir, on_bad_picture="skip")
    youtube = load_youtube_faces(data_dir, seed=seed)
    olivetti = load_olivetti(data_dir, seed=seed)
    random = np.random.default_rng(seed)
    held = {
        "faces": random.random(len(mtfl.train)) < 0.1,
        "beside": random.random(len(beside.train)) < 0.1,
        "youtube": _one_video_of_a_quarter(youtube.train, random),
        "olivetti": random.random(len(olivetti.train)) < 0.15,
    }
    parts = {}
    for part, keep in (("train", False), ("validation", True)):
        rows = {name: np.flatnonzero(mask == keep) for name, mask in held.items()}
        parts[part] = _sources(
            mtfl.train.take(rows["faces"]),
            beside.train.take(rows["beside"]),
            youtube.train.take(rows["youtube"]),
            olivetti.train.take(rows["olivetti"]),
        )
    test = _sources(mtfl.test, beside.test, youtube.test, olivetti.test)
    facts = {
        "rows": {
            part: {source: len(x) for source, (x, _) in rows.items()}
            for part, rows in (*parts.items(), ("test", test))
        },
        "pictures at hand for backgrounds": len(beside.train) + len(beside.test),
        "pictures left out for backgrounds": len(beside.facts["bad pictures"]),
        "terms": {
            entry.facts["source"]: entry.facts["license"]
            for entry in (mtfl, youtube, olivetti)
        },
    }
    return Faces(parts["train"], parts["validation"], test, facts)


def fewer(rows: Rows, most: dict[str, int], seed: int) -> Rows:
    """Draw at most so many rows of each source that `most` names."""
    random = np.random.default_rng(seed)
    return {
        source: _taken(x, y, np.sort(random.permutation(len(x))[: most.get(source)]))
        for source, (x, y) in rows.items()
    }


def with_task(rows: Rows, task: str) -> Rows:
    """Return the rows that have a label of one task, with that label alone."""
    found = {}
    for source, (x, y) in rows.items():
        if task in y:
            there = np.flatnonzero(is_labeled(y[task]))
            if len(there):
                found[source] = _taken(x, {task: y[task]}, there)
    return found


def _taken(x: np.ndarray, y: dict[str, np.ndarray], rows: np.ndarray) -> Any:
    return x[rows], {task: labels[rows] for task, labels in y.items()}


def _one_video_of_a_quarter(
    rows: PictureRows, random: np.random.Generator
) -> np.ndarray:
    """Hold out one training video of every fourth person, so that most keep theirs."""
    person, video = rows.labels["person"], rows.labels["video"]
    held = np.zeros(len(rows), bool)
    for code in np.unique(person)[::4]:
        videos = np.unique(video[person == code])
        if len(videos) > 1:
            held |= (person == code) & (video == random.choice(videos))
    return held


def _sources(
    faces: PictureRows,
    beside: PictureRows,
    youtube: PictureRows,
    olivetti: PictureRows,
) -> Rows:
    counts = (len(faces), len(beside))
    labels = {"face": np.repeat(np.float32([1, 0]), counts)}
    points = faces.labels["landmarks"].reshape(-1, 10)
    labels["landmarks"] = _padded(points, len(beside), np.nan)
    for task in BINARY:
        # The code 1 stands for male, smiling, with glasses; here that is a 1.
        codes = (faces.labels[task] == 0).astype("float32")
        labels[task] = _padded(codes, len(beside), np.nan)
    labels["pose"] = _padded(faces.labels["pose"], len(beside), MISSING)
    mtfl = np.concatenate([faces.pictures, beside.pictures])
    return {
        "mtfl": (_input(mtfl), labels),
        "youtube": (
            _input(averaged(youtube.pictures, SIZE)),
            {
                "box": youtube.labels["box"],
                "identity": SUBJECTS + youtube.labels["person"],
            },
        ),
        "olivetti": (
            _input(averaged(olivetti.pictures, SIZE)),
            {"identity": olivetti.labels["person"]},
        ),
    }


def _padded(labels: np.ndarray, count: int, filler: float) -> np.ndarray:
    missing = np.full((count, *labels.shape[1:]), filler, labels.dtype)
    return np.concatenate([labels, missing])


def _input(pictures: np.ndarray) -> np.ndarray:
    return (pictures[..., None] / 255).astype("float32")
