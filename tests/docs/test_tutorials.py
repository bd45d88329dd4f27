"""The tutorials run as they stand, in a short version."""

import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tutorial", "--quick"])


@pytest.mark.slow
def test_the_walk_through_shows_what_its_text_claims(quick, capsys):
    shown = runpy.run_path(str(FOLDER / "regularized_multi_task_learning.py"))
    assert shown["report"].zeros > 0
    assert shown["small"].count_params() < shown["sparse"].count_params()
    assert shown["difference"] < 1e-5
    assert len(shown["history"]["conflict"]) == shown["EPOCHS"]
    assert "dropout 0.5" in capsys.readouterr().out


def test_every_tutorial_is_tested():
    tested = {"regularized_multi_task_learning.py"}
    assert {file.name for file in FOLDER.glob("*.py")} == tested
