"""MTFL: faces with five landmarks and four attributes."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from examples.datasets.face_crops import cut, square_around, square_beside
from examples.datasets.official_files import official_files
from examples.datasets.pictures import PictureRows, PictureSet, PictureStore
from polytask.errors import UserError
from polytask.lab.tables.fetch import DataEntry, DataFile, fetch, folder_of

SIZE = 40
CROPS = "DERIVED_mtfl_gray40.npz"
ATTRIBUTES = ("gender", "smile", "glasses", "pose")
# Number of codes of each attribute, counted from 1.
CODES = (2, 2, 2, 5)
FILES = dict(zip(("train", "test"), official_files("mtfl"), strict=True))


def load_mtfl(
    data_dir: str | Path | None = None, on_bad_picture: str = "raise", seed: int = 0
) -> PictureSet:
    """Load the faces of MTFL, cut to 40 by 40 gray pixels.

    The faces are cut from the official pictures by a square around the landmarks,
    with a random size and position. If the folder holds `DERIVED_mtfl_gray40.npz`,
    written before by `write_mtfl_crops`, its crops are read instead.

    Args:
        data_dir: A folder that holds `mtfl/training.txt[.gz]` and
            `mtfl/testing.txt[.gz]`, see `polytask.lab.tables.fetch`, and the pictures,
            as unpacked from `MTFL.zip` or in tar or zip archives.
        on_bad_picture: `"raise"`, or `"skip"` to leave out pictures that are missing
            or truncated; `facts["bad pictures"]` counts them.
        seed: Of the squares.

    Returns:
        Labels `landmarks` (x, y of left eye, right eye, nose, left and right corner of
        the mouth, as shares of the crop), `square` (x0, y0, side in the picture) and
        the attributes, counted from 0: gender (male, female), smile (yes, no), glasses
        (yes, no), pose (left profile, left, frontal, right, right profile).

    Raises:
        UserError: If files cannot be had or are damaged.

    Source:
        Zhanpeng Zhang, Ping Luo, Chen Change Loy, Xiaoou Tang, 2014, "Facial Landmark
        Detection by Deep Multi-task Learning".
    """
    files = fetch(MTFL, data_dir)
    annotated = {part: _parse(files[file.name], file) for part, file in FILES.items()}
    crops = folder_of(MTFL, data_dir) / CROPS
    facts: dict[str, Any] = {**MTFL.about(), "seed": seed, "bad pictures": {}}
    if crops.is_file():
        parts = {part: _from_crops(crops, part, a) for part, a in annotated.items()}
        facts["crops"] = f"read from {crops.name}"
    else:
        store = PictureStore(crops.parent)
        store.check([n for a in annotated.values() for n in a.names], MTFL.url)
        random = np.random.default_rng(seed)
        parts = {
            part: _cut_faces(store, rows, on_bad_picture, random)
            for part, rows in annotated.items()
        }
        facts["crops"] = f"cut from the pictures with seed {seed}"
        facts["bad pictures"] = dict(store.bad)
    facts["rows"] = {part: len(rows) for part, rows in parts.items()}
    return PictureSet(parts["train"], parts["test"], facts)


def load_mtfl_backgrounds(
    faces: PictureSet,
    data_dir: str | Path | None = None,
    on_bad_picture: str = "raise",
    seed: int = 0,
) -> PictureSet:
    """Cut one square beside the face from each MTFL picture at hand.

    Args:
        faces: What `load_mtfl` returned; its squares say where the faces are.
        data_dir: As in `load_mtfl`; the pictures are needed.
        on_bad_picture: As in `load_mtfl`.
        seed: Of the squares.

    Returns:
        Pictures of 40 by 40 pixels that show at most a part of a face; label `square`.

    Raises:
        UserError: If pictures are missing or damaged and not skipped.
    """
    store = PictureStore(folder_of(MTFL, data_dir))
    store.check([*faces.train.names, *faces.test.names], MTFL.url)
    random = np.random.default_rng(seed)
    parts = {}
    for part, rows in (("train", faces.train), ("test", faces.test)):
        pictures, squares, names = [], [], []
        for name, face in zip(rows.names, rows.labels["square"], strict=True):
            picture = store.read(name, on_bad_picture)
            if picture is None:
                continue
            square = square_beside(face, picture.size, random)
            if square is not None:
                pictures.append(cut(picture, square, SIZE))
                squares.append(square)
                names.append(name)
        labels = {"square": np.array(squares, "float32").reshape(-1, 3)}
        stacked = np.array(pictures, np.uint8).reshape(-1, SIZE, SIZE)
        parts[part] = PictureRows(stacked, labels, tuple(names))
    facts = {**MTFL.about(), "seed": seed, "bad pictures": dict(store.bad)}
    return PictureSet(parts["train"], parts["test"], facts)


def write_mtfl_crops(faces: PictureSet, folder: str | Path) -> Path:
    """Store the crops of `load_mtfl`, so that it need not cut them again.

    Args:
        faces: What `load_mtfl` returned.
        folder: Where `DERIVED_mtfl_gray40.npz` is written.

    Returns:
        The file.
    """
    arrays: dict[str, Any] = {}
    for part, rows in (("train", faces.train), ("test", faces.test)):
        # The official order: all x, then all y.
        points = rows.labels["landmarks"].transpose(0, 2, 1)
        codes = [rows.labels[name] + 1 for name in ATTRIBUTES]
        arrays |= {
            f"x_{part}": rows.pictures,
            f"landmarks_{part}": points.reshape(-1, 10),
            f"attr_{part}": np.stack(codes, axis=1).astype("int8"),
            f"box_{part}": rows.labels["square"],
            f"path_{part}": np.array([name.encode() for name in rows.names]),
        }
    path = Path(folder) / CROPS
    np.savez_compressed(path, **arrays)
    return path


def _parse(content: bytes, file: DataFile) -> PictureRows:
    """Read an annotation file: landmarks in pixels, no pictures yet."""
    names, points, codes = [], [], []
    text = content.decode("ascii", "replace")
    lines = [line for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        name, *values = line.split()
        try:
            numbers = [float(value) for value in values]
        except ValueError:
            numbers = []
        attributes = numbers[10:]
        if len(numbers) != 14 or not all(
            value in range(1, most + 1)
            for value, most in zip(attributes, CODES, strict=True)
        ):
            raise UserError(
                f"{file.name}, line {number}: expected a path, 10 coordinates and the "
                f"codes of {', '.join(ATTRIBUTES)}; found {line.strip()[:60]!r}."
            )
        names.append(name.replace("\\", "/"))
        points.append(np.array(numbers[:10]).reshape(2, 5).T)
        codes.append(attributes)
    if file.rows and len(names) != file.rows:
        raise UserError(f"{file.name} has {len(names)} lines; expected {file.rows}.")
    labels = {"landmarks": np.array(points, "float32")}
    for column, attribute in enumerate(ATTRIBUTES):
        labels[attribute] = np.array(codes, "int32")[:, column] - 1
    return PictureRows(np.empty((len(names), 0, 0), np.uint8), labels, tuple(names))


def _from_crops(path: Path, part: str, annotated: PictureRows) -> PictureRows:
    """Take the crops of a file and check them against the annotations."""
    try:
        with np.load(path) as file:
            pictures, square = file[f"x_{part}"], file[f"box_{part}"]
            names = tuple(name.decode() for name in file[f"path_{part}"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    places = {name: row for row, name in enumerate(annotated.names)}
    unknown = [name for name in names if name not in places]
    if unknown or not len(pictures) == len(square) == len(names):
        raise UserError(
            f"{path} does not fit {FILES[part].name}: {len(pictures)} crops, "
            f"{len(unknown)} of unknown pictures{': ' if unknown else ''}"
            f"{', '.join(unknown[:1])}. Remove it; the crops are then cut again."
        )
    rows = annotated.take(np.array([places[name] for name in names], int))
    return _with_crops(rows, pictures, square)


def _with_crops(
    rows: PictureRows, pictures: np.ndarray, square: np.ndarray
) -> PictureRows:
    square = square.astype("float32")
    landmarks = (rows.labels["landmarks"] - square[:, None, :2]) / square[:, None, 2:]
    labels = {**rows.labels, "landmarks": landmarks, "square": square}
    return PictureRows(pictures, labels, rows.names)


def _cut_faces(
    store: PictureStore,
    annotated: PictureRows,
    on_bad: str,
    random: np.random.Generator,
) -> PictureRows:
    pictures, squares, kept = [], [], []
    for row, name in enumerate(annotated.names):
        square = square_around(annotated.labels["landmarks"][row], random)
        picture = store.read(name, on_bad)
        if picture is not None:
            pictures.append(cut(picture, square, SIZE))
            squares.append(square)
            kept.append(row)
    if not kept:
        raise UserError(f"No picture of MTFL in {store.folder} can be read.")
    rows = annotated.take(np.array(kept))
    return _with_crops(rows, np.stack(pictures), np.stack(squares))


MTFL = DataEntry(
    name="mtfl",
    title="Multi-Task Facial Landmark (MTFL)",
    homepage="http://mmlab.ie.cuhk.edu.hk/projects/TCDCN.html",
    license="research only; pictures of LFW and of AFLW under their own terms",
    license_url="https://mmlab.ie.cuhk.edu.hk/projects/TCDCN.html",
    citation='Z. Zhang, P. Luo, C. C. Loy, X. Tang (2014). "Facial Landmark Detection '
    'by Deep Multi-task Learning". ECCV.',
    load=load_mtfl,
    url="https://mmlab.ie.cuhk.edu.hk/projects/TCDCN/data/MTFL.zip",
    folder="mtfl",
    keep_archive=True,
    files=tuple(FILES.values()),
)
