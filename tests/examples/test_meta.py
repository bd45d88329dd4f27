"""The examples in meta-learning run from one command, in their short versions."""

import json
import os
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the examples draw with it")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        keras.backend.backend() != "jax", reason="one backend shows that they run"
    ),
]

FOLDER = Path(__file__).parents[2] / "examples" / "meta"
PLACES = [os.environ.get("POLYTASK_DATA", ""), "../shared/data", "../../shared/data"]


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run(script, *options):
        command = [script, "--quick", "--out", str(tmp_path), *options]
        monkeypatch.setattr(sys, "argv", command)
        monkeypatch.setattr(sys, "path", list(sys.path))
        runpy.run_path(str(FOLDER / script), run_name="__main__")
        return json.loads((tmp_path / "results.json").read_text("utf-8"))

    return run


def test_a_start_is_measured_after_no_one_and_ten_steps_and_drawn(run, tmp_path):
    results = run("sinusoids.py", "--methods", "maml")
    errors = results["maml"]["errors"]
    assert list(errors) == ["0", "1", "10"]
    assert np.isfinite(list(errors.values())).all()
    assert (tmp_path / "sinusoids.svg").exists()


def test_new_schools_are_predicted_better_with_the_others_than_alone(run, tmp_path):
    found = [Path(p) for p in PLACES if p and any(Path(p).glob("**/school.mat"))]
    if not found:
        pytest.skip("needs school.mat")
    (file, *_) = found[0].glob("**/school.mat")
    for draw in run("few_pupils.py", "--data-dir", str(file.parent)):
        assert draw["network"]["5"] < draw["ridge"]["5"]
    assert (tmp_path / "few_pupils.svg").exists()
