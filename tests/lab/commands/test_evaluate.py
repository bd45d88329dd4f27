"""A stored model measured on other labeled rows."""

import pandas as pd
import pytest

import polytask_cli


@pytest.mark.slow
def test_a_model_is_measured_on_new_labels(fitted, run, tmp_path, capsys):
    frame = pd.read_csv(fitted / "data.csv").drop(columns="score")
    frame.to_csv(tmp_path / "new.csv", index=False)
    words = ["evaluate", str(run), str(tmp_path / "new.csv")]
    assert polytask_cli.main(words) == 0
    shown = capsys.readouterr().out
    assert "accuracy" in shown
    assert "score" not in shown
    frame.drop(columns=["sick", "grade"]).to_csv(tmp_path / "new.csv", index=False)
    assert polytask_cli.main(words) == 2
    assert "no column with labels: sick, grade, score" in capsys.readouterr().err
