import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL", reason="reading pictures needs Pillow")

from examples.datasets import load_mtfl, load_mtfl_backgrounds, mtfl, write_mtfl_crops
from examples.datasets.face_crops import cut, overlap
from examples.datasets.pictures import PictureStore
from polytask.errors import UserError
from tests.helpers.picture_cases import mtfl_line, write_mtfl

FOLDER = Path(os.environ.get("POLYTASK_DATA") or "nowhere") / "mtfl"
needs_data = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="needs MTFL: set POLYTASK_DATA to the folder that holds mtfl/training.txt",
)


@pytest.mark.parametrize("archive", ["tar", "zip", "folder"])
def test_faces_are_cut_around_their_landmarks(tmp_path, monkeypatch, archive):
    names = write_mtfl(tmp_path, monkeypatch, archive=archive)
    faces = load_mtfl(tmp_path)
    json.dumps(faces.facts)
    assert faces.train.names == tuple(names)
    assert faces.train.pictures.shape == (6, 40, 40)
    assert faces.facts["rows"] == {"train": 6, "test": 4}
    points, square = faces.test.labels["landmarks"], faces.test.labels["square"]
    assert np.all((points > 0) & (points < 1))
    line = mtfl_line("x", 2).split()
    pixels = np.array(line[1:11], float).reshape(2, 5).T
    back = points[2] * square[2, 2] + square[2, :2]
    np.testing.assert_allclose(back, pixels, atol=1e-4)
    assert faces.test.labels["pose"][2] == int(line[14]) - 1
    assert faces.test.labels["gender"][2] == int(line[11]) - 1


def test_the_crop_is_the_mean_of_the_square_and_black_outside(tmp_path, monkeypatch):
    names = write_mtfl(tmp_path, monkeypatch)
    picture = PictureStore(tmp_path / "mtfl").read(names[0])
    pixels = np.asarray(picture, float)
    crop = cut(picture, np.array([-20, 0, 40]), 20)
    assert not crop[:, :10].any()
    means = pixels[:40, :20].reshape(20, 2, 10, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(crop[:, 10:], means, atol=1)


def test_backgrounds_show_at_most_a_part_of_the_face(tmp_path, monkeypatch):
    write_mtfl(tmp_path, monkeypatch)
    faces = load_mtfl(tmp_path)
    beside = load_mtfl_backgrounds(faces, tmp_path)
    assert len(beside.train) > 0
    squares = dict(zip(faces.train.names, faces.train.labels["square"], strict=True))
    for name, square in zip(
        beside.train.names, beside.train.labels["square"], strict=True
    ):
        assert 0.02 <= overlap(square, squares[name]) <= 0.25
        assert square.min() >= 0
        assert (square[:2] + square[2]).max() <= 60


def test_stored_crops_are_read_instead_of_the_pictures(tmp_path, monkeypatch):
    write_mtfl(tmp_path, monkeypatch)
    faces = load_mtfl(tmp_path)
    write_mtfl_crops(faces, tmp_path / "mtfl")
    (tmp_path / "mtfl" / "pictures.tar").unlink()
    again = load_mtfl(tmp_path)
    assert again.facts["crops"] == "read from DERIVED_mtfl_gray40.npz"
    for part in ("train", "test"):
        first, second = getattr(faces, part), getattr(again, part)
        np.testing.assert_array_equal(first.pictures, second.pictures)
        for name, labels in first.labels.items():
            np.testing.assert_allclose(labels, second.labels[name], atol=1e-6)


@pytest.mark.parametrize("damage", ["missing", "truncated", "no picture"])
def test_a_bad_picture_is_named_or_skipped_and_counted(tmp_path, monkeypatch, damage):
    names = write_mtfl(tmp_path, monkeypatch, archive="folder")
    path = tmp_path / "mtfl" / names[3]
    if damage == "missing":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    with pytest.raises(UserError, match=names[3]):
        load_mtfl(tmp_path)
    faces = load_mtfl(tmp_path, on_bad_picture="skip")
    assert list(faces.facts["bad pictures"]) == [names[3]]
    assert faces.train.names == (*names[:3], *names[4:])
    assert len(faces.train.labels["smile"]) == 5


def test_a_folder_without_any_picture_is_refused(tmp_path, monkeypatch):
    write_mtfl(tmp_path, monkeypatch)
    (tmp_path / "mtfl" / "pictures.tar").unlink()
    with pytest.raises(UserError, match=r"holds none of the pictures.*MTFL\.zip"):
        load_mtfl(tmp_path, on_bad_picture="skip")


def test_there_are_two_ways_to_treat_bad_pictures(tmp_path, monkeypatch):
    write_mtfl(tmp_path, monkeypatch)
    with pytest.raises(UserError, match="expected 'raise' or 'skip'"):
        load_mtfl(tmp_path, on_bad_picture="ignore")


def test_a_picture_damaged_inside_its_archive_is_named(tmp_path, monkeypatch):
    names = write_mtfl(tmp_path, monkeypatch, archive="zip")
    path = tmp_path / "mtfl" / "pictures.zip"
    content = bytearray(path.read_bytes())
    # Past the first entry's header; the list of entries at the end stays whole.
    content[200:220] = bytes(20)
    path.write_bytes(content)
    faces = load_mtfl(tmp_path, on_bad_picture="skip")
    assert list(faces.facts["bad pictures"]) == names[:1]


def test_a_damaged_archive_is_named(tmp_path, monkeypatch):
    write_mtfl(tmp_path, monkeypatch)
    (tmp_path / "mtfl" / "pictures.tar").write_bytes(b"not a tar")
    with pytest.raises(UserError, match=r"pictures\.tar is damaged"):
        load_mtfl(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "a.jpg 1 2 3\n",
        mtfl_line("a.jpg", 0).replace(" 1\n", " 6\n").replace(" 2\n", " 6\n")[:-2]
        + "9\n",
        mtfl_line("a.jpg", 0).replace("a.jpg", "a.jpg x"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(tmp_path, monkeypatch, line):
    write_mtfl(tmp_path, monkeypatch)
    (tmp_path / "mtfl" / "testing.txt").write_text(mtfl_line("b.jpg", 1) + line)
    with pytest.raises(UserError, match=r"testing\.txt, line 2"):
        load_mtfl(tmp_path)


def test_crops_of_unknown_pictures_are_refused(tmp_path, monkeypatch):
    write_mtfl(tmp_path, monkeypatch)
    write_mtfl_crops(load_mtfl(tmp_path), tmp_path / "mtfl")
    (tmp_path / "mtfl" / "testing.txt").write_text(mtfl_line("other.jpg", 1))
    with pytest.raises(UserError, match=r"does not fit testing\.txt"):
        load_mtfl(tmp_path)


def test_damaged_crops_are_refused(tmp_path, monkeypatch):
    write_mtfl(tmp_path, monkeypatch)
    path = write_mtfl_crops(load_mtfl(tmp_path), tmp_path / "mtfl")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"gray40\.npz cannot be read"):
        load_mtfl(tmp_path)


@needs_data
def test_the_cropping_code_makes_the_stored_crops_from_the_pictures():
    faces = load_mtfl()
    assert faces.facts["rows"] == {"train": 10_000, "test": 2_995}
    store = PictureStore(FOLDER)
    for row in range(0, 2_995, 500):
        picture = store.read(faces.test.names[row])
        crop = cut(picture, faces.test.labels["square"][row], mtfl.SIZE)
        np.testing.assert_array_equal(crop, faces.test.pictures[row])


def test_without_pillow_the_extra_that_brings_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UserError, match=r"Pillow.*polytask\[examples\]"):
        PictureStore(tmp_path)
