"""A stored model that is damaged, or made to do damage."""

import json
import shutil
import zipfile

import pytest

import polytask_cli
from polytask.errors import UserError
from polytask.lab.model_file import check_model_file
from tests.helpers.fitted_table import predict, table


def test_a_damaged_model_is_named_and_nothing_written(run, tmp_path, capsys):
    model = run / "model.keras"
    model.write_bytes(model.read_bytes()[:2000])
    assert predict(run, table(5), tmp_path) == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith(f"polytask: error: The model {model} is damaged")
    assert "\n" not in message
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda dense: dense["config"].update(units=10**9),
        lambda dense: dense["config"].update(units=100_000),
    ],
)
def test_a_model_that_asks_for_absurd_sizes_is_refused_before_it_is_built(
    run, tmp_path, capsys, change
):
    path, damaged = run / "model.keras", tmp_path / "damaged.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(damaged, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                layers = config["config"]["layers"]
                for dense in [x for x in layers if x["class_name"] == "Dense"][:2]:
                    change(dense)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    shutil.move(damaged, path)
    assert predict(run, table(5), tmp_path) == 2
    assert "asks for a layer of" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_a_model_that_unpacks_to_much_more_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
        archive.writestr("model.weights.h5", bytes(10**6))
    with pytest.raises(UserError, match="unpacks to 1,000,026 bytes"):
        check_model_file(tmp_path / "m.keras")


def test_damaged_preprocessing_is_named(run, tmp_path, capsys):
    (run / "preprocessing.json").write_text("{")
    assert predict(run, table(5), tmp_path) == 2
    assert "preprocessing.json" in capsys.readouterr().err


def test_damaged_numbers_of_the_preprocessing_are_named(run, tmp_path, capsys):
    path = run / "preprocessing.json"
    content = json.loads(path.read_text())
    content["columns"][0]["values"]["scale"] = {}
    path.write_text(json.dumps(content))
    assert predict(run, table(5), tmp_path) == 2
    assert "preprocessing.json is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "change"),
    [
        ("predict", {"source": {"sep": 5}}),
        ("report", {"tasks": [{"name": "other", "kind": "binary"}]}),
    ],
)
def test_content_that_does_not_fit_together_is_one_sentence(
    run, fitted, tmp_path, capsys, verb, change
):
    path = run / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    (run / "diagnostics.json").unlink()
    page = (run / "report.html").read_bytes()
    words = {
        "predict": [str(fitted / "data.csv"), "--out", str(tmp_path / "new.csv")],
        "report": [],
    }
    assert polytask_cli.main([verb, str(run), *words[verb]]) == 2
    message = capsys.readouterr().err.strip()
    assert f"{run} holds is damaged or does not fit together" in message
    assert "\n" not in message
    assert (run / "report.html").read_bytes() == page
