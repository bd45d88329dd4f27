"""`polytask adapt`: a stored model learns one more task."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

import polytask_cli


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with run/, a fitted model, and new.csv, with one more column."""
    folder = tmp_path_factory.mktemp("adapt")
    random = np.random.default_rng(0)
    age = random.normal(50, 10, 80).round(1)
    data = pd.DataFrame({"age": age, "size": random.normal(size=80).round(2)})
    data["sick"] = np.where(age > 50, "yes", "no")
    data["score"] = age + data["size"]
    data.to_csv(folder / "data.csv", index=False)
    words = ["fit", str(folder / "data.csv"), "--out", str(folder / "run")]
    words += ["--task", "sick:binary", "--task", "score:regression"]
    words += ["--epochs", "2", "--trunk", "6", "--towers", ""]
    assert polytask_cli.main(words) == 0
    data["churn [/b]"] = np.where(age - 5 * data["size"] > 48, "left", "stayed")
    data.loc[:9, "churn [/b]"] = None
    data.drop(columns="score").to_csv(folder / "new.csv", index=False)
    return folder


def adapt(folder, *words):
    first = ["adapt", str(folder / "run"), str(folder / "new.csv")]
    return polytask_cli.main([*first, *words])


def test_a_new_column_is_learned_measured_and_predicted(folder, capsys):
    # What a name holds is text, not markup of the terminal.
    new, out = "churn [/b]", folder / "churn"
    words = ["--task", f"{new}:binary", "--rows", "20", "--method", "linear"]
    assert adapt(folder, *words, "--out", str(out)) == 0
    shown = capsys.readouterr().out
    assert "chosen" in shown
    results = pd.read_parquet(out / "results.parquet")
    rows = results[results["metric"] == "auc"].set_index(["task", "split"])["value"]
    assert rows[new, "test"] > 0.6
    assert np.isfinite(rows["sick", "test"])
    assert "was added to the model of" in (out / "report.html").read_text()
    described = json.loads((out / "study.json").read_text())
    assert [task["name"] for task in described["tasks"]] == ["sick", "score", new]
    table, file = str(folder / "new.csv"), str(folder / "out.csv")
    assert polytask_cli.main(["predict", str(out), table, "--out", file]) == 0
    assert set(pd.read_csv(file)[new]) <= {"left", "stayed"}
    before, after = (
        keras.saving.load_model(folder / name / "model.keras", compile=False)
        for name in ("run", "churn")
    )
    x = np.zeros((1, before.input_shape[-1]), "float32")
    for task in ("sick", "score"):
        old, new = (
            keras.ops.convert_to_numpy(model(x, training=False)[task])
            for model in (before, after)
        )
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "sick:binary"], "has the task 'sick' already"),
        (["--task", "chrun [/b]:binary"], 'Did you mean "churn [/b]"'),
        (["--task", "churn [/b]:count"], "kind count cannot be added"),
        (["--task", "churn [/b]:binary", "--rows", "99"], "has 70 rows with a label"),
        (["--task", "churn [/b]:binary", "--rows", "4"], "fewer than the 5 folds"),
        (["--task", "churn [/b]:binary", "--rows", "1"], "have the same label"),
    ],
)
def test_a_wrong_request_is_named_and_nothing_written(folder, capsys, words, message):
    out = folder / "wrong"
    assert adapt(folder, *words, "--out", str(out)) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
