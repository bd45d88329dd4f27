"""Predictions of a stored model, on its table and on others."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

import polytask_cli
from polytask.lab.tables import Preprocessor
from tests.helpers.fitted_table import predict, table


def test_predictions_are_those_of_the_stored_model(run, tmp_path):
    frame = table(20)
    assert predict(run, frame, tmp_path) == 0
    found = pd.read_csv(tmp_path / "out.csv")
    assert list(found.columns) == [
        *("sick", "sick=yes", "grade", "grade=a", "grade=b", "grade=c", "score"),
    ]
    preprocessor = Preprocessor.from_json((run / "preprocessing.json").read_text())
    model = keras.saving.load_model(run / "model.keras")
    outputs = model.predict(preprocessor.transform(frame).x, verbose=0)
    np.testing.assert_allclose(found["sick=yes"], outputs["sick"][:, 0], atol=1e-5)
    grades = found[["grade=a", "grade=b", "grade=c"]]
    np.testing.assert_allclose(grades, outputs["grade"], atol=1e-5)
    assert (found["sick"] == np.where(found["sick=yes"] >= 0.5, "yes", "no")).all()
    described = json.loads((run / "study.json").read_text())["tasks"][2]
    score = outputs["score"][:, 0] * described["scale"] + described["mean"]
    np.testing.assert_allclose(found["score"], score, rtol=1e-4)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predictions_in_chunks_stand_beside_kept_columns(
    run, tmp_path, monkeypatch, ending
):
    from polytask.lab.commands import applied

    frame = table(20).assign(id=[f"r{i}" for i in range(20)])
    frame.to_csv(tmp_path / "new.csv", index=False)
    words = ["predict", str(run), str(tmp_path / "new.csv"), "--keep", "id,age"]
    found = []
    for chunk in (8, 1000):
        monkeypatch.setattr(applied, "CHUNK", chunk)
        out = tmp_path / f"{chunk}.{ending}"
        assert polytask_cli.main([*words, "--out", str(out)]) == 0
        read = pd.read_csv if ending == "csv" else pd.read_parquet
        found.append(read(out))
    assert list(found[0].columns[:3]) == ["id", "age", "sick"]
    assert list(found[0]["id"]) == list(frame["id"])
    pd.testing.assert_frame_equal(*found, rtol=1e-5)


def test_kept_cells_stay_as_they_are_written_and_are_no_formulas_on_request(
    run, tmp_path
):
    frame = table(20).assign(id=["007", "1.50", "=1+1", "-2.5", "@x"] * 4)
    frame.to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "out.csv"
    words = ["predict", str(run), str(tmp_path / "new.csv"), "--keep", "id"]
    words += ["--out", str(out)]
    assert polytask_cli.main(words) == 0
    assert list(pd.read_csv(out, dtype=str)["id"]) == list(frame["id"])
    assert polytask_cli.main([*words, "--safe-cells"]) == 0
    safe = ["007", "1.50", "'=1+1", "-2.5", "'@x"]
    assert list(pd.read_csv(out, dtype=str)["id"]) == safe * 4


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_kept_numbers_have_one_type_in_all_chunks(run, tmp_path, monkeypatch, ending):
    from polytask.lab.commands import applied

    monkeypatch.setattr(applied, "_CELLS", 1)
    frame = table(300).assign(id=range(300), text=[*range(299), "x"], gap=1)
    frame.loc[280:, "gap"] = None
    file = tmp_path / f"new.{ending}"
    if ending == "csv":
        frame.to_csv(file, index=False)
    else:
        frame.astype({"text": str}).to_parquet(file)
    out = tmp_path / "out.parquet"
    words = ["predict", str(run), str(file), "--keep", "id,text,gap"]
    assert polytask_cli.main([*words, "--out", str(out)]) == 0
    found = pd.read_parquet(out)
    assert found["id"].tolist() == list(range(300))
    assert found["text"].tolist() == [*map(str, range(299)), "x"]
    assert found["gap"].isna().sum() == 20


def test_predictions_do_not_replace_the_table_and_keep_known_columns_only(
    run, tmp_path, capsys
):
    table(5).to_csv(tmp_path / "new.csv", index=False)
    new = str(tmp_path / "new.csv")
    assert polytask_cli.main(["predict", str(run), new, "--out", new]) == 2
    assert "is the table itself" in capsys.readouterr().err
    (tmp_path / "link.csv").hardlink_to(new)
    link = str(tmp_path / "link.csv")
    assert polytask_cli.main(["predict", str(run), new, "--out", link]) == 2
    assert "is the table itself" in capsys.readouterr().err
    words = ["predict", str(run), new, "--out", str(tmp_path / "out.csv")]
    assert polytask_cli.main([*words, "--keep", "aeg"]) == 2
    assert 'Did you mean "age"' in capsys.readouterr().err
    assert polytask_cli.main([*words, "--keep", "sick"]) == 2
    assert "predictions have a column of this name" in capsys.readouterr().err


def test_an_unseen_category_works_and_is_counted(run, tmp_path, capsys):
    frame = table(5).assign(job=["pilot", "nurse", "pilot", "clerk", "smith"])
    assert predict(run, frame, tmp_path) == 0
    message = capsys.readouterr().err
    assert "column 'job' has 2 cells with a category that no training row" in message
    assert len(pd.read_csv(tmp_path / "out.csv")) == 5


def test_one_row_can_be_predicted(run, tmp_path):
    assert predict(run, table(1), tmp_path) == 0
    assert len(pd.read_csv(tmp_path / "out.csv")) == 1


def test_a_missing_input_column_is_named_and_nothing_written(run, tmp_path, capsys):
    assert predict(run, table(5).drop(columns="job"), tmp_path) == 2
    assert "'job'" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_all_missing_input_columns_are_named_at_once(run, tmp_path, capsys):
    assert predict(run, table(5).drop(columns=["age", "job"]), tmp_path) == 2
    assert "2 input columns: 'age', 'job'" in capsys.readouterr().err


def test_predictions_need_a_known_file_type(run, tmp_path, capsys):
    words = ["predict", str(run), "new.csv", "--out", str(tmp_path / "out.xls")]
    assert polytask_cli.main(words) == 2
    assert ".csv, .parquet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "named"), [("old.csv", "is a folder"), ("file.txt/new.csv", "is a file")]
)
def test_predictions_need_a_place(run, tmp_path, capsys, out, named):
    (tmp_path / "old.csv").mkdir()
    (tmp_path / "file.txt").write_text("precious")
    words = ["predict", str(run), "new.csv", "--out", str(tmp_path / out)]
    assert polytask_cli.main(words) == 2
    assert named in capsys.readouterr().err
