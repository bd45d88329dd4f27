import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL", reason="reading pictures needs Pillow")
pytest.importorskip("matplotlib", reason="the report draws on pictures")

from tests.helpers.picture_cases import write_mtfl, write_olivetti, write_youtube

FOLDER = Path(__file__).parents[2] / "examples" / "faces"


@pytest.fixture
def example(monkeypatch):
    """Import the example's modules, which are scripts beside each other."""
    monkeypatch.syspath_prepend(FOLDER)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name.startswith("face"):
            del sys.modules[name]


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    write_mtfl(tmp_path, monkeypatch, train=24, test=16)
    write_youtube(tmp_path, monkeypatch, persons=6)
    write_olivetti(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_example_trains_stores_and_reports(pictures, example, monkeypatch, capsys):
    faces, network = example("faces"), example("face_network")
    monkeypatch.setattr(network, "CONVOLUTIONS", ((4, 5, 4),))
    monkeypatch.setattr(faces, "QUICK_VARIANTS", faces.VARIANTS[:1])
    arguments = ["--quick", "--data-dir", str(pictures), "--out", str(pictures / "out")]
    faces.main(arguments)
    first = capsys.readouterr().out
    page = (pictures / "out" / "report.html").read_text()
    assert "unregularized" in page
    assert page.count("<img") >= 3
    assert (pictures / "out" / "faces.keras").is_file()
    # Stored trainings are not repeated: the same seconds are printed again.
    faces.main(arguments)
    assert capsys.readouterr().out == first


@pytest.mark.slow
def test_candidates_are_compared_without_the_test_rows(
    pictures, example, monkeypatch, capsys
):
    faces, network = example("faces"), example("face_network")
    monkeypatch.setattr(network, "CONVOLUTIONS", ((4, 5, 4),))
    monkeypatch.setattr(faces, "CANDIDATES", faces.CANDIDATES[:1])
    scored = []

    def recorded(model, parts, order):
        scored.append(parts["test"])
        return measured(model, parts, order)

    measured = faces.measured
    monkeypatch.setattr(faces, "measured", recorded)
    out = str(pictures / "out")
    faces.main(["--validate", "--quick", "--data-dir", str(pictures), "--out", out])
    assert capsys.readouterr().out.splitlines()[-1].startswith("unregularized ")
    held = example("face_data").load(pictures).validation
    assert len(scored) == 1
    for source, (rows, _) in held.items():
        np.testing.assert_array_equal(scored[0][source][0], rows)


def test_labels_are_masked_where_a_source_has_none(pictures, example):
    data = example("face_data")
    faces = data.load(pictures)
    x, y = data.Augmented(faces.train, 64, seed=0).all_rows()
    kinds = {task: int(data.is_labeled(labels).sum()) for task, labels in y.items()}
    negatives = int((y["face"] == 0).sum())
    assert kinds["landmarks"] == kinds["smile"] == int((y["face"] == 1).sum())
    assert kinds["face"] == kinds["landmarks"] + negatives
    assert kinds["box"] == len(faces.train["youtube"][0])
    assert kinds["identity"] == kinds["box"] + len(faces.train["olivetti"][0])
    assert len(x) == kinds["face"] + kinds["identity"]
    known = y["identity"][y["identity"] >= data.SUBJECTS]
    assert len(known) == kinds["box"]


def test_a_mirrored_and_shifted_picture_takes_its_places_along(example):
    data = example("face_data")
    points = np.float32([0.3, 0.4, 0.7, 0.45, 0.5, 0.6, 0.35, 0.75, 0.65, 0.8])
    picture = np.zeros((40, 40, 1), "float32")
    cells = (points.reshape(5, 2) * 40).astype(int)
    for shade, (column, row) in enumerate(cells, start=1):
        picture[row, column] = shade
    points = ((cells + 0.5) / 40).astype("float32").ravel()
    copies = 32
    labels = {
        "landmarks": np.repeat(points[None], copies, 0),
        "box": np.repeat(np.float32([[0.2, 0.3, 0.6, 0.9]]), copies, 0),
        "pose": np.full(copies, 1, "int32"),
    }
    source = {"mtfl": (np.repeat(picture[None], copies, 0), labels)}
    x, y = data.Augmented(source, copies, seed=0)[0]
    mirrored = y["pose"] == 3
    assert 0 < mirrored.sum() < copies
    swapped = {1: 2, 2: 1, 3: 3, 4: 5, 5: 4}
    for row in range(copies):
        for shade in range(1, 6):
            place = np.argwhere(x[row, ..., 0] == shade)[0]
            point = swapped[shade] if mirrored[row] else shade
            expected = (place[::-1] + 0.5) / 40
            found = y["landmarks"][row].reshape(5, 2)[point - 1]
            np.testing.assert_allclose(found, expected, atol=1e-6)
    widths = y["box"][:, 2] - y["box"][:, 0]
    np.testing.assert_allclose(widths, 0.4, atol=1e-6)
    # The box moves as the nose does.
    nose = y["landmarks"][:, 4] - np.where(mirrored, 1 - points[4], points[4])
    left = y["box"][:, 0] - np.where(mirrored, 0.4, 0.2)
    np.testing.assert_allclose(nose, left, atol=1e-6)


def test_landmark_errors_are_relative_to_the_eyes_and_iou_to_the_union(example):
    scores = example("face_scores")
    truth = np.float32([[0.2, 0.4, 0.6, 0.4, 0.4, 0.6, 0.3, 0.8, 0.5, 0.8]])
    moved = truth + np.float32([0.03, 0.04] * 5)
    np.testing.assert_allclose(scores.landmark_errors(truth, moved), 0.125, rtol=1e-5)
    boxes = np.array([[0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 2]], float)
    others = np.array([[1, 1, 3, 3], [2, 2, 3, 3], [0, 0, 2, 2]], float)
    np.testing.assert_allclose(scores.box_iou(boxes, others), [1 / 7, 0, 1])


def test_identity_counts_both_sources_alike(example):
    scores, data = example("face_scores"), example("face_data")
    truth = {
        "olivetti": np.array([0, 1], "int32"),
        "youtube": np.array([40, 41, 42, 43], "int32"),
    }
    guesses = {"olivetti": [0, 1], "youtube": [40, 0, 0, 0]}
    rows = {s: (None, {"identity": labels}) for s, labels in truth.items()}
    predicted = {s: {"identity": np.eye(data.IDENTITIES)[guesses[s]]} for s in truth}
    found = scores.scores(predicted, rows)["identity"]
    assert found == {
        "accuracy": 0.625,
        "accuracy olivetti": 1.0,
        "accuracy youtube": 0.25,
    }
