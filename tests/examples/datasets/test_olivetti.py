import os
from pathlib import Path

import numpy as np
import pytest

from examples.datasets import load_olivetti
from polytask.errors import UserError
from tests.helpers.picture_cases import write_olivetti

FOLDER = Path(os.environ.get("POLYTASK_DATA") or "nowhere") / "olivetti"


def test_every_person_is_in_both_parts(tmp_path):
    stored = write_olivetti(tmp_path)
    faces = load_olivetti(tmp_path, test=3)
    assert np.bincount(faces.train.labels["person"]).tolist() == [7] * 40
    assert np.bincount(faces.test.labels["person"]).tolist() == [3] * 40
    assert set(faces.train.names).isdisjoint(faces.test.names)
    column = 10 * 39 + int(faces.test.names[-1].rpartition(" ")[2]) - 1
    # Columns of the file hold pictures column by column, as MATLAB does.
    expected = stored[:, column].reshape(64, 64, order="F")
    np.testing.assert_array_equal(faces.test.pictures[-1], expected)


@pytest.mark.parametrize("test", [0, 10])
def test_shares_that_leave_a_part_empty_are_refused(tmp_path, test):
    with pytest.raises(UserError, match="expected 1 to 9"):
        load_olivetti(tmp_path, test=test)


@pytest.mark.parametrize("kind", ["no MATLAB file", "other shape", "other name"])
def test_a_damaged_file_is_refused(tmp_path, kind):
    from scipy.io import savemat

    path = tmp_path / "olivettifaces.mat"
    if kind == "no MATLAB file":
        path.write_bytes(b"nothing")
    else:
        name = "faces" if kind == "other shape" else "pictures"
        savemat(path, {name: np.zeros((4096, 10), np.uint8)})
    with pytest.raises(UserError, match=r"olivettifaces\.mat"):
        load_olivetti(tmp_path)


@pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="needs the Olivetti faces: set POLYTASK_DATA to the folder that holds "
    "olivetti/olivettifaces.mat",
)
def test_the_official_file_shows_upright_faces():
    faces = load_olivetti()
    assert len(faces.train) == 280
    # A face is like its mirror image, and not like itself upside down.
    mean = faces.train.pictures.mean(axis=0)

    def alike(other):
        return np.corrcoef(mean.ravel(), other.ravel())[0, 1]

    assert alike(mean[:, ::-1]) > 0.9 > alike(mean[::-1])
