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
        monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
        runpy.run_path(str(FOLDER / script), run_name="__main__")
        return json.loads((tmp_path / "results.json").read_text("utf-8"))

    return run


def test_a_start_is_measured_after_no_one_and_ten_steps_and_drawn(run, tmp_path):
    results = run("sinusoids.py", "--methods", "maml")
    (errors,) = (seed["errors"] for seed in results["maml"])
    assert list(errors) == ["0", "1", "10"]
    assert np.isfinite(list(errors.values())).all()
    assert (tmp_path / "sinusoids.svg").exists()


def test_regularizers_of_a_start_are_chosen_measured_and_drawn(run, tmp_path):
    found = run("few_tasks.py")
    assert list(found) == ["none", "labels shifted"]
    for ((candidate,),) in found.values():
        assert np.isfinite(list(candidate.values())).all()
    assert (tmp_path / "few_tasks.svg").exists()


def folder_of(file):
    """The folder with a file of research data; skips without it."""
    for place in PLACES:
        for path in Path(place).glob(f"**/{file}") if place else ():
            return path.parent
    pytest.skip(f"needs {file}")


def test_new_schools_are_predicted_better_with_the_others_than_alone(run, tmp_path):
    for draw in run("few_pupils.py", "--data-dir", str(folder_of("school.mat"))):
        assert draw["network"]["5"] < draw["ridge"]["5"]
    assert (tmp_path / "few_pupils.svg").exists()


def test_strengths_of_schools_are_learned_and_drawn(run, tmp_path):
    for found in run(
        "learned_strengths.py", "--data-dir", str(folder_of("school.mat"))
    ):
        strengths = {
            name: found[name]["strengths"] for name in ("one_step", "implicit")
        }
        for values in strengths.values():
            assert len(values) == 139
            assert len(set(values)) > 100
        assert strengths["one_step"] != strengths["implicit"]
        # Any pull to the weights of all is better than none.
        assert found["implicit"]["error"] < found["none"]["error"] - 0.1
    assert (tmp_path / "learned_strengths.svg").exists()


def test_new_domains_are_told_better_with_the_others_than_alone(run, tmp_path):
    data = folder_of("books.task.train*").parent
    (draw,) = run("few_texts.py", "--data-dir", str(data))
    for method in ("linear", "l2sp", "pooled", "mean", "head", "adapted"):
        assert draw[method]["16"] > draw["alone"]["16"] + 10
    assert (tmp_path / "few_texts.svg").exists()
