"""The verbs on a small table, from fit to predictions."""

import json
import shutil
import zipfile

import keras
import numpy as np
import pandas as pd
import pytest

import polytask_cli
from polytask.errors import UserError
from polytask.lab.model_file import check_model_file
from polytask.lab.studies import Study
from polytask.lab.studies.recommended import recommended
from polytask.lab.tables import Preprocessor
from tests.helpers.parsed_page import ParsedPage


def table(rows=90):
    random = np.random.default_rng(1)
    age = random.normal(50, 10, rows).round(1)
    job = random.choice(["nurse", "clerk", "smith"], rows)
    level = (age - 50) / 10 + (job == "nurse") + random.normal(0, 0.3, rows)
    return pd.DataFrame(
        {
            "age": age,
            "job": job,
            "sick": np.where(level > 0.4, "yes", "no"),
            "grade": np.array(["a", "b", "c"])[np.digitize(level, [-0.3, 0.8])],
            "score": (100 + 10 * level).round(2),
        }
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with data.csv and run/, which `polytask fit` wrote."""
    folder = tmp_path_factory.mktemp("fit")
    data = table()
    data.loc[::6, "score"] = np.nan
    data.to_csv(folder / "data.csv", index=False)
    words = ["fit", str(folder / "data.csv"), "--out", str(folder / "run")]
    for task in ("sick:binary", "grade:multiclass", "score:regression"):
        words += ["--task", task]
    words += ["--epochs", "3", "--trunk", "8", "--towers", "", "--l1", "1e-3"]
    assert polytask_cli.main(words) == 0
    return folder


@pytest.fixture
def run(fitted, tmp_path):
    """A copy of the fitted folder's run that a test may change."""
    return shutil.copytree(fitted / "run", tmp_path / "run")


def predict(run, frame, folder):
    frame.to_csv(folder / "new.csv", index=False)
    words = ["predict", str(run), str(folder / "new.csv")]
    return polytask_cli.main([*words, "--out", str(folder / "out.csv")])


def test_fit_leaves_the_model_its_preprocessing_and_a_report(fitted):
    names = {path.name for path in (fitted / "run").iterdir()}
    assert {"model.keras", "preprocessing.json", "report.html", "study.json"} <= names
    assert {path.name for path in fitted.iterdir()} == {"data.csv", "run"}
    results = pd.read_parquet(fitted / "run" / "results.parquet")
    assert set(results["task"]) == {"sick", "grade", "score"}
    described = json.loads((fitted / "run" / "study.json").read_text())
    chosen = recommended(54, "good", classes=True).settings.to_dict()
    assert described["variants"][0]["settings"] == {**chosen, "l1": 0.001}


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


def test_a_report_writes_through_no_link(run, tmp_path, capsys):
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    for name in ("report.html", "summary.json", "results.parquet"):
        (run / name).unlink()
        (run / name).symlink_to(outside)
    assert polytask_cli.main(["report", str(run)]) == 0
    (run / ".lock").unlink(missing_ok=True)
    (run / ".lock").symlink_to(outside)
    assert polytask_cli.main(["report", str(run)]) == 2
    assert ".lock is a symbolic link" in capsys.readouterr().err
    assert outside.read_text() == "precious"


def test_the_report_shows_other_models_confusions_and_the_columns_that_matter(run):
    page = ParsedPage.read(run / "report.html")
    heading = page.table("Every metric by task").rows[0]
    assert any("boosted trees" in text for text in heading)
    content = json.loads((run / "diagnostics.json").read_text())
    for task in content["tasks"]:
        known = {"age", "job"}
        assert {column for column, _ in task["importance"]} == known
        rows = pd.read_csv(run / "split.csv")
        tested = int((rows["part"] == content["split"]).sum())
        if task["task"] != "score":
            assert np.sum(task["confusion"]) == tested
        else:
            assert 0 < len(task["pairs"]) <= tested
    assert "Rows by label (down) and prediction (across)" in page.text
    assert "trained in" not in page.text


def test_an_older_fit_has_a_report_without_them(run):
    (run / "diagnostics.json").unlink()
    assert polytask_cli.main(["report", str(run)]) == 0
    assert "boosted trees" not in (run / "report.html").read_text(encoding="utf-8")


def test_a_training_that_diverged_is_one_sentence(fitted, tmp_path, capsys):
    words = ["fit", str(fitted / "data.csv"), "--out", str(tmp_path / "run")]
    words += ["--task", "sick:binary", "--task", "score:regression", "--trunk", "4"]
    words += ["--epochs", "2", "--learning-rate", "1e30"]
    assert polytask_cli.main(words) == 2
    message = capsys.readouterr().err
    assert "the training diverged. A smaller learning rate usually helps." in message
    assert not (tmp_path / "run").exists()


def test_a_damaged_run_of_a_fit_is_named_and_its_report_kept(run, capsys):
    (path,) = (run / "runs").glob("*.json")
    page = (run / "report.html").read_bytes()
    for change in ({"epochs": 10**30}, {"scores": [[1]]}, {"seed": None}):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, **change}))
        assert polytask_cli.main(["report", str(run)]) == 2
        assert f"{path.name} is damaged" in capsys.readouterr().err
        path.write_text(json.dumps(content))
    assert (run / "report.html").read_bytes() == page


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


@pytest.mark.parametrize("name", ["study.json", "summary.json", "features.json"])
def test_a_damaged_stored_file_is_one_sentence(run, capsys, name):
    path = run / name
    page = (run / "report.html").read_bytes()
    if name == "study.json":
        content = json.loads(path.read_text())
        content["tasks"][0]["classes"] = 3
        path.write_text(json.dumps(content))
        assert polytask_cli.main(["report", str(run)]) == 2
        message = capsys.readouterr().err.strip()
        assert "study.json is damaged: Expected `array`, got `int`" in message
        assert "\n" not in message
        assert (run / "report.html").read_bytes() == page
    else:
        # They follow from the runs, and are written again.
        path.write_text("{")
        assert polytask_cli.main(["report", str(run)]) == 0


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


def test_fit_takes_a_study_file_that_describes_its_target_as_an_input(fitted, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(
        f'name = "s"\n[data]\nfile = "{(fitted / "data.csv").as_posix()}"\n'
        '[data.columns]\nage = "numeric"\nsick = "boolean"\n'
        '[tasks]\ngrade = "multiclass"\n[variants.none]\n'
    )
    words = ["fit", str(fitted / "data.csv"), "--task", "sick:binary", "--epochs", "1"]
    words += ["--config", str(study), "--out", str(tmp_path / "run")]
    assert polytask_cli.main(words) == 0


def test_the_report_is_written_again(run):
    (run / "report.html").unlink()
    assert polytask_cli.main(["report", str(run)]) == 0
    assert (run / "report.html").exists()


def test_a_study_file_made_by_init_can_be_read(fitted, tmp_path):

    out = tmp_path / "deep" / "study.toml"
    words = ["init", str(fitted / "data.csv"), "--out", str(out)]
    assert polytask_cli.main(words) == 0
    study = Study.load(out)
    assert study.data.file == str(fitted / "data.csv")
    assert study.plain == "none"


def test_list_has_a_line_for_every_name(capsys):

    from polytask import balancing, regularizers
    from polytask.layers.architectures import ARCHITECTURES
    from polytask_options import Settings, options
    from polytask_options.inventory import inventory

    assert polytask_cli.main(["list"]) == 0
    lines = [
        line.split(maxsplit=1)
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("  ")
    ]
    assert all(len(line) == 2 for line in lines)
    names = [*options(Settings), *regularizers.names(), *balancing.names()]
    names += [*ARCHITECTURES.classes, *inventory()]
    assert [line[0] for line in lines] == names
    assert polytask_cli.main(["list", "--format", "json"]) == 0
    families = json.loads(capsys.readouterr().out)
    assert [name for lines in families.values() for name in lines] == names
    member = balancing.NashMTL.__doc__.split("\n", 1)[0]
    assert families["Balancers"]["nash_mtl"] == member
    assert families["Techniques"]["C2"]["origin"] == "keras"


def test_the_version_and_bare_help_are_printed(capsys):
    import polytask

    with pytest.raises(SystemExit):
        polytask_cli.main(["--version"])
    assert capsys.readouterr().out == f"polytask {polytask.__version__}\n"
    assert polytask_cli.main([]) == 0
    assert "usage: polytask" in capsys.readouterr().out


def test_a_fit_takes_the_tasks_of_a_study_file_and_replaces_only_when_told(
    fitted, run, tmp_path, capsys
):
    study = tmp_path / "study.toml"
    table = (fitted / "data.csv").as_posix()
    study.write_text(
        f'[data]\nfile = "{table}"\n[tasks]\ngrade = "multiclass"\n[variants.none]\n'
    )
    words = ["fit", table, "--config", str(study), "--epochs", "1", "--out", str(run)]
    assert polytask_cli.main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert polytask_cli.main([*words, "--overwrite"]) == 0
    described = json.loads((run / "study.json").read_text())
    assert [task["name"] for task in described["tasks"]] == ["grade"]
    assert {path.name for path in tmp_path.iterdir()} == {"study.toml", "run"}


def test_a_table_of_another_land_goes_through_every_verb(tmp_path, capsys):
    frame = table(60)[["age", "job", "score"]].rename(columns={"age": "größe"})
    text = frame.to_csv(index=False, sep=":", decimal=",")
    (tmp_path / "t.txt").write_bytes(text.encode("latin-1"))
    reading = ["--sep", ":", "--decimal", ",", "--encoding", "latin-1"]
    data, run = str(tmp_path / "t.txt"), str(tmp_path / "run")
    fit = ["fit", data, "--task", "score:regression", "--epochs", "1", "--out", run]
    assert polytask_cli.main([*fit, *reading]) == 0
    out = ["--out", str(tmp_path / "out.csv")]
    assert polytask_cli.main(["predict", run, data, *out, *reading]) == 0
    assert len(pd.read_csv(tmp_path / "out.csv")) == 60
    study = str(tmp_path / "study.toml")
    words = ["init", data, "--task", "score", "--task", "job", "--out", study]
    assert polytask_cli.main([*words, *reading]) == 0
    assert Study.load(study).data.tasks == (
        ("score", "regression"),
        ("job", "multiclass"),
    )
    # The run knows how its table was read; a flag says it otherwise.
    assert polytask_cli.main(["predict", run, data, *out]) == 0
    assert len(pd.read_csv(tmp_path / "out.csv")) == 60
    assert polytask_cli.main(["evaluate", run, data]) == 0
    capsys.readouterr()
    assert polytask_cli.main(["predict", run, data, *out, "--sep", ";"]) == 2
    assert "lacks 2 input columns" in capsys.readouterr().err


@pytest.mark.filterwarnings("default::polytask.errors.TableWarning")
def test_a_warning_of_the_table_is_one_line(tmp_path, capsys):
    frame = table(60)
    frame["copy"] = frame["sick"].str.upper()
    frame.to_csv(tmp_path / "t.csv", index=False)
    out = ["--out", str(tmp_path / "study.toml")]
    words = ["init", str(tmp_path / "t.csv"), "--task", "sick", *out]
    assert polytask_cli.main(words) == 0
    warning = capsys.readouterr().err
    assert warning.startswith("polytask: warning: Column 'copy' alone predicts 'sick'")
    assert warning.count("\n") == 1
