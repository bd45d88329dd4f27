import json
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL", reason="reading pictures needs Pillow")

from examples.datasets import load_youtube_faces, write_youtube_frames
from polytask.errors import UserError
from tests.helpers.picture_cases import write_youtube

FOLDER = Path(os.environ.get("POLYTASK_DATA") or "nowhere") / "youtube_faces_udacity"


def test_one_video_of_each_person_is_the_test_part(tmp_path, monkeypatch):
    write_youtube(tmp_path, monkeypatch)
    faces = load_youtube_faces(tmp_path)
    json.dumps(faces.facts)
    assert faces.facts["rows"]["train"] + faces.facts["rows"]["test"] == 21

    def videos(rows):
        pairs = zip(rows.labels["person"], rows.labels["video"], strict=True)
        return {(int(person), int(video)) for person, video in pairs}

    assert videos(faces.train).isdisjoint(videos(faces.test))
    assert {person for person, _ in videos(faces.test)} == {0, 1, 2}
    assert {person for person, _ in videos(faces.train)} == {0, 1, 2}


def test_landmarks_are_shares_of_the_frame_and_the_box_holds_them(
    tmp_path, monkeypatch
):
    write_youtube(tmp_path, monkeypatch)
    rows = load_youtube_faces(tmp_path).train
    assert rows.pictures.shape[1:] == (64, 64)
    # At most one of the two videos is the test part.
    place, name = next(
        (place, name)
        for place, name in ((6, "Person_1_00.jpg"), (8, "Person_1_20.jpg"))
        if name in rows.names
    )
    row = rows.names.index(name)
    points = np.random.default_rng(place).uniform(10, 50, (68, 2)).round(1) / 60
    np.testing.assert_allclose(rows.labels["landmarks"][row], points, atol=1e-6)
    expected = [*points.min(axis=0), *points.max(axis=0)]
    np.testing.assert_allclose(rows.labels["box"][row], expected, atol=1e-6)


def test_stored_frames_are_read_instead_of_the_pictures(tmp_path, monkeypatch):
    write_youtube(tmp_path, monkeypatch, archive="zip")
    first = load_youtube_faces(tmp_path)
    folder = tmp_path / "youtube_faces_udacity"
    write_youtube_frames(folder)
    (folder / "pictures.zip").unlink()
    second = load_youtube_faces(tmp_path)
    np.testing.assert_array_equal(first.test.pictures, second.test.pictures)
    for name, labels in first.test.labels.items():
        np.testing.assert_allclose(labels, second.test.labels[name], atol=1e-6)


def test_a_bad_frame_is_named_or_skipped_and_counted(tmp_path, monkeypatch):
    write_youtube(tmp_path, monkeypatch)
    folder = tmp_path / "youtube_faces_udacity"
    (folder / "training" / "Person_1_01.jpg").write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(UserError, match="Person_1_01"):
        load_youtube_faces(tmp_path)
    faces = load_youtube_faces(tmp_path, on_bad_picture="skip")
    assert list(faces.facts["bad pictures"]) == ["training/Person_1_01.jpg"]
    assert len(faces.train) + len(faces.test) == 20


def test_a_folder_without_any_frame_says_where_they_are(tmp_path, monkeypatch):
    write_youtube(tmp_path, monkeypatch, archive="zip")
    (tmp_path / "youtube_faces_udacity" / "pictures.zip").unlink()
    with pytest.raises(UserError, match=r"none of the pictures.*train-test-data\.zip"):
        load_youtube_faces(tmp_path)


@pytest.mark.parametrize(
    "line", ["Person_1_00.jpg,1,2\n", "Person.jpg" + ",1" * 136 + "\n"]
)
def test_a_wrong_line_is_named_by_its_number(tmp_path, monkeypatch, line):
    write_youtube(tmp_path, monkeypatch)
    path = tmp_path / "youtube_faces_udacity" / "test_frames_keypoints.csv"
    path.write_text(",0,1\n" + line)
    with pytest.raises(UserError, match=r"test_frames_keypoints\.csv, line 2"):
        load_youtube_faces(tmp_path)


@pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="needs YouTube Faces: set POLYTASK_DATA to the folder that holds "
    "youtube_faces_udacity",
)
def test_the_official_frames_show_347_persons():
    faces = load_youtube_faces()
    assert faces.facts["rows"] == {"train": 2_952, "test": 1_280}
    assert np.unique(faces.train.labels["person"]).tolist() == list(range(347))
    assert np.unique(faces.test.labels["person"]).tolist() == list(range(347))
