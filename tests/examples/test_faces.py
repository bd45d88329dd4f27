import importlib

import numpy as np
import pytest

pytest.importorskip("PIL", reason="reading pictures needs Pillow")
pytest.importorskip("matplotlib", reason="the report draws on pictures")

from tests.helpers.picture_cases import write_mtfl, write_olivetti, write_youtube
from tests.helpers.program_modules import modules_of


@pytest.fixture
def example():
    """Import the example's modules, which are scripts beside each other."""
    with modules_of("examples/faces"):
        yield importlib.import_module


@pytest.fixture
def small(example, monkeypatch):
    """Return a function that lets the networks of the example be small."""

    def shrink(faces):
        network = example("face_network")
        for name in ("SMALL", "LARGE"):
            monkeypatch.setattr(network, name, network.Shape(((4, 5, 4),), 8, 4))
        return faces

    return shrink


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    write_mtfl(tmp_path, monkeypatch, train=24, test=16)
    write_youtube(tmp_path, monkeypatch, persons=6)
    write_olivetti(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_example_trains_stores_and_reports(
    pictures, example, small, monkeypatch, capsys
):
    faces = small(example("faces"))
    monkeypatch.setattr(faces, "QUICK_VARIANTS", faces.VARIANTS[:1])
    arguments = ["--quick", "--data-dir", str(pictures), "--out", str(pictures / "out")]
    faces.main(arguments)
    first = capsys.readouterr().out
    page = (pictures / "out" / "report.html").read_text()
    assert "unregularized" in page
    assert page.count("<img") >= 3
    assert (pictures / "out" / "all rows" / "faces.keras").is_file()
    # Stored trainings are not repeated: the same seconds are printed again.
    faces.main(arguments)
    assert capsys.readouterr().out == first


@pytest.mark.slow
def test_all_rows_are_compared_with_a_network_for_each_task(
    pictures, example, small, capsys
):
    faces = small(example("faces"))
    out = pictures / "out"
    faces.main(
        ["--all-rows", "--quick", "--data-dir", str(pictures), "--out", str(out)]
    )
    said = capsys.readouterr().out
    page = (out / "all rows" / "report.html").read_text()
    for network in ("regularized", "single-task"):
        assert f"{network}, seed 0" in said
        assert network in page
    alone = {folder.name for folder in (out / "all rows" / "alone").iterdir()}
    assert alone == set(example("face_network").TASKS)


@pytest.mark.slow
def test_candidates_are_compared_without_the_test_rows(
    pictures, example, small, monkeypatch, capsys
):
    faces = small(example("faces"))
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
    mixture = example("face_augmentation").Augmented(faces.train, 64, seed=0)
    x, y = mixture.all_rows()
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
    augmented = example("face_augmentation").Augmented
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
    x, y = augmented(source, copies, seed=0)[0]
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


def test_a_warped_picture_takes_its_places_along(example):
    warped = example("face_augmentation").Warped
    places = (np.arange(40) + 0.5) / 40
    across, down = np.meshgrid(places, places)
    nose = (0.55, 0.45)
    spot = np.exp(-((across - nose[0]) ** 2 + (down - nose[1]) ** 2) / 0.005)
    copies = 64
    points = np.tile(np.float32(nose), 5)
    source = {
        "mtfl": (
            np.repeat(spot[None, ..., None].astype("float32"), copies, 0),
            {"landmarks": np.repeat(points[None], copies, 0)},
        )
    }
    mixture = warped(source, copies, seed=0)
    mixture.ERASED = 0.0
    x, y = mixture[0]
    mass = x[..., 0] / x.sum(axis=(1, 2, 3))[:, None, None]
    found = np.stack([(mass * across).sum((1, 2)), (mass * down).sum((1, 2))], 1)
    np.testing.assert_allclose(y["landmarks"][:, 4:6], found, atol=0.005)
    # They are not all in one place.
    assert found.std(axis=0).min() > 0.02


def test_a_warped_box_holds_what_it_held(example):
    warped = example("face_augmentation").Warped
    picture = np.zeros((40, 40, 1), "float32")
    picture[12:28, 8:20] = 1
    copies = 64
    box = np.float32([[8, 12, 20, 28]]) / 40
    source = {
        "youtube": (np.repeat(picture[None], copies, 0), {"box": box.repeat(copies, 0)})
    }
    mixture = warped(source, copies, seed=0)
    mixture.ERASED = 0.0
    x, y = mixture[0]
    for inside, found in zip(x[..., 0] > 0.5, y["box"] * 40, strict=True):
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        edges = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose(found, edges, atol=0.75)
    widths = y["box"][:, 2] - y["box"][:, 0]
    assert np.ptp(widths) > 0.02


def test_a_share_of_the_pictures_loses_a_part(example):
    erased = example("face_augmentation")._erased
    random = np.random.default_rng(0)
    pictures = random.random((200, 40, 40, 1)).astype("float32")
    before = pictures.copy()
    changed = (erased(pictures, 0.25, (6, 15), random) != before).any(axis=(1, 2, 3))
    assert 30 < changed.sum() < 70


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
