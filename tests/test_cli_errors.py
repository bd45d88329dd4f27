"""Wrong inputs on the command line: exit code 2, one message, nothing written."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import polytask
import polytask_cli
from polytask.lab.studies.folder import locked

STUDY = """
[data]
file = "good.csv"
[tasks]
sick = "binary"
[variants.none]
"""


def good_table(rows=60):
    random = np.random.default_rng(0)
    age = random.normal(50, 10, rows).round(1)
    job = random.choice(["nurse", "clerk"], rows)
    sick = np.where(age + random.normal(0, 5, rows) > 50, "yes", "no")
    return pd.DataFrame({"age": age, "job": job, "sick": sick})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good_table().assign(one=1).to_csv("good.csv", index=False)
    return tmp_path


def refused(capsys, folder, *words):
    """Run a command that must fail; return its one message."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert polytask_cli.main(list(words)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.strip().splitlines()
    assert len(lines) == 1, output.err
    assert lines[0].startswith("polytask: error: ")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    return lines[0]


def test_a_missing_file(capsys, folder):
    message = refused(capsys, folder, "fit", "nowhere.csv", "--task", "sick:binary")
    assert "nowhere.csv" in message


def test_an_empty_file(capsys, folder):
    (folder / "empty.csv").write_text("")
    message = refused(capsys, folder, "fit", "empty.csv", "--task", "sick:binary")
    assert "empty.csv" in message


TABLES = {
    "a task that is no column": (lambda t: t, "sik:binary", "'sik'"),
    "a task without a kind": (lambda t: t, "sick", "COLUMN:KIND"),
    "an unknown kind": (lambda t: t, "sick:binry", "binary"),
    "one class only": (lambda t: t.assign(sick="yes"), "sick:binary", "sick"),
    "all labels missing": (lambda t: t.assign(sick=None), "sick:binary", "sick"),
    "text as a regression target": (lambda t: t, "job:regression", "job"),
    "infinite values": (
        lambda t: t.assign(age=t["age"].where(t.index > 0, np.inf)),
        "sick:binary",
        "age",
    ),
    "zero rows": (lambda t: t.head(0), "sick:binary", "rows"),
    "one row": (lambda t: t.head(1), "sick:binary", ""),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_table_is_refused_for(capsys, folder, case):
    change, task, named = TABLES[case]
    change(good_table()).to_csv(folder / "bad.csv", index=False)
    assert named in refused(capsys, folder, "fit", "bad.csv", "--task", task)


def test_duplicate_column_names(capsys, folder):
    (folder / "bad.csv").write_text("age,age,sick\n1,2,yes\n3,4,no\n")
    message = refused(capsys, folder, "fit", "bad.csv", "--task", "sick:binary")
    assert "age" in message


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--l1", "-1"], "--l1 -1; accepted is a number from 0"),
        (["--dropout", "1.5"], "--dropout 1.5; accepted"),
        (["--balancer", "pcgrd"], 'Did you mean "pcgrad"'),
        (["--trunk", "a"], "--trunk 'a'"),
        (["--epochs", "0"], "--epochs 0"),
        (["--learning-rate", "0"], "--learning-rate 0; accepted is a number above 0"),
        (["--l2", "much"], "--l2 'much'; accepted is a number from 0"),
        (["--l1", "1", "--regularizer", "l2"], "--l1 and --regularizer both"),
        (["--l1", "-1", "--l2", "1"], "--l1 and --l2: l1 = -1.0"),
        (["--weight-decay", "{ towers = 1 }"], 'Did you mean "tower"'),
        (["--activation", "rellu"], "--activation 'rellu'; accepted is a Keras"),
        (["--patience", "1.5"], "--patience '1.5'; accepted is an integer from 1"),
        (["--split", "0.5,0.5"], "--split '0.5,0.5'; accepted is three"),
        (["--split", "0.5,0.4,0.2"], "--split '0.5,0.4,0.2'; accepted is three"),
        (["--split", "group:jop"], "--split names the column 'jop'"),
        (["--split", "rows.csv"], "--split: there is no file 'rows.csv'"),
        (["--weight", "wieght"], "--weight names the column 'wieght'"),
        (["--weight", "sick"], "'sick' is both the weight and a target"),
        (["--weight", "job"], "--weight: Column 'job' must hold numbers"),
        (["--inputs", "one"], "'one' is constant (always '1')"),
        (["--encoding", "utf-9"], "--encoding is 'utf-9'"),
        (["--sep", ";;"], "--sep is ';;'"),
        (["--inputs", "aeg"], "--inputs names the column 'aeg'"),
        (["--exclude", "jop"], "--exclude names the column 'jop'"),
        (["--variant", "l1"], "--config"),
        (["--out", ".", "--overwrite"], "holds no study"),
        (["--out", "good.csv"], "good.csv exists"),
        (["--out", "good.csv/run"], "good.csv is a file"),
        (["--seed", "-1"], "--seed -1"),
        (["--seed", "4294967296"], "--seed 4294967296"),
    ],
)
def test_a_fit_is_refused_for_an_option(capsys, folder, options, named):
    words = ["fit", "good.csv", "--task", "sick:binary", *options]
    assert named in refused(capsys, folder, *words)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (STUDY + "[budget]\nepohcs = 1\n", 'Did you mean "epochs"'),
        (STUDY + '[variants.a]\nregularizer = "l7"\n', 'Unknown regularizer "l7"'),
        (STUDY.replace("good.csv", "nowhere.csv"), "nowhere.csv"),
        (STUDY.replace("sick", "sik"), "'sik'"),
    ],
)
def test_a_study_file_is_refused(capsys, folder, text, named):
    (folder / "study.toml").write_text(text)
    assert named in refused(capsys, folder, "compare", "study.toml", "--out", "run")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--variants", "none,l9"], 'Unknown variant "l9"'),
        (["--seeds", "0"], "--seeds = 0"),
        (["--jobs", "0"], "--jobs 0"),
        (["--out", "good.csv"], "good.csv is a file"),
        (["--split", "group:job"], "--split is for a study with a table of your own"),
        (["--weight", "age"], "--weight is for a study with a table of your own"),
    ],
)
def test_a_comparison_is_refused_for_an_option(capsys, folder, options, named):
    assert named in refused(capsys, folder, "compare", "digits", *options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--split", "group:jop"], "--split names the column 'jop'"),
        (["--weight", "jop"], "--weight names the column 'jop'"),
        (["--max-categories", "1"], "--max-categories 1; accepted is an integer"),
    ],
)
def test_a_comparison_of_a_table_names_the_flag(capsys, folder, options, named):
    (folder / "study.toml").write_text(STUDY)
    assert named in refused(capsys, folder, "compare", "study.toml", *options)


def test_a_comparison_does_not_touch_a_folder_of_something_else(capsys, folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "letter.txt").write_text("dear")
    message = refused(capsys, folder, "compare", "digits", "--out", "mine")
    assert "letter.txt" in message


def test_an_unknown_study(capsys, folder):
    message = refused(capsys, folder, "compare", "digts")
    assert 'Did you mean "digits"' in message


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["compare", "good.csv"], "is a table; a study file says what to compare"),
        (["report", "good.csv"], "polytask fit good.csv --task COLUMN:KIND"),
        (["predict", "good.csv", "good.csv"], "is a table; expected is the folder"),
        (["report", "study.toml"], "Train first: polytask compare study.toml"),
        (["report", "run/model.keras"], "expected is the folder of a run, run."),
    ],
)
def test_a_file_in_the_wrong_place_says_what_to_type(capsys, folder, words, named):
    (folder / "study.toml").write_text(STUDY)
    (folder / "run").mkdir()
    for name in ("study.json", "model.keras"):
        (folder / "run" / name).touch()
    assert named in refused(capsys, folder, *words)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["fit", "good.csv", "--tsk", "sick:binary"], "Did you mean --task?"),
        (["fit", "good.csv", "--effort", "god"], "'quick', 'good', 'best'"),
        (["report"], "RUN. See polytask report --help"),
        (["list", "balancers"], "unknown argument 'balancers'"),
        (["fitt", "good.csv"], "'fitt'"),
    ],
)
def test_a_wrong_word_is_answered_in_one_line(capsys, words, named):
    with pytest.raises(SystemExit, match="2"):
        polytask_cli.main(words)
    message = capsys.readouterr().err
    assert named in message
    assert message.count("\n") == 1


def test_a_folder_of_something_else_is_not_overwritten(capsys, folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "letter.txt").write_text("dear")
    words = ("fit", "good.csv", "--task", "sick:binary", "--out", "mine")
    assert "--overwrite is needed" in refused(capsys, folder, *words)
    assert "mine holds no study" in refused(capsys, folder, *words, "--overwrite")


@pytest.mark.parametrize("verb", [["report", "mine"], ["predict", "mine", "good.csv"]])
def test_a_folder_without_a_run(capsys, folder, verb):
    (folder / "mine").mkdir()
    assert "mine holds no study" in refused(capsys, folder, *verb)


def test_a_study_file_below_a_file_is_refused(capsys, folder):
    message = refused(capsys, folder, "init", "good.csv", "--out", "good.csv/s.toml")
    assert "good.csv is a file" in message


def test_an_existing_study_file_is_not_overwritten(capsys, folder):
    (folder / "study.toml").write_text("precious")
    message = refused(capsys, folder, "init", "good.csv")
    assert "study.toml exists" in message


def command(*words, **environment):
    root = str(Path(polytask.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "polytask_cli", *words],
        env={**os.environ, "PYTHONPATH": root, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("words", "environment"),
    [(["--backend", "tensorfow"], {}), ([], {"KERAS_BACKEND": "tensorfow"})],
)
def test_an_unknown_backend_is_refused_with_the_accepted_ones(words, environment):
    result = command("report", "nowhere", *words, **environment)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        'polytask: error: Unknown backend "tensorfow". Did you mean "tensorflow"? '
        "Accepted: jax, tensorflow, torch."
    ]


@pytest.mark.slow
@pytest.mark.one_backend
def test_a_second_fit_into_a_folder_is_refused_while_the_first_runs(capsys, folder):
    words = ["fit", "good.csv", "--task", "sick:binary", "--out", "run"]
    aside = folder / ".run.polytask-tmp"
    aside.mkdir()
    with locked(aside):
        assert polytask_cli.main(words) == 2
    assert "Another process is writing to run" in capsys.readouterr().err
    # What a killed fit left is cleared by the next one.
    (aside / "runs").mkdir()
    (aside / "runs" / "old").write_text("")
    assert polytask_cli.main([*words, "--epochs", "1", "--effort", "quick"]) == 0
    assert not aside.exists()
    assert (folder / "run" / "model.keras").exists()
    assert not (folder / "run" / "runs" / "old").exists()


def test_a_path_that_cannot_be_written_is_one_sentence(capsys, folder):
    words = ["fit", "good.csv", "--task", "sick:binary", "--out", 300 * "x"]
    assert "name too long" in refused(capsys, folder, *words)
    message = refused(capsys, folder, "init", "good.csv", "--out", 254 * "x")
    assert f"File name too long: '{254 * 'x'}'" in message


def test_a_full_disk_is_one_sentence(capsys, folder, monkeypatch):
    from polytask.lab.commands import report

    def full(flags):
        raise OSError(errno.ENOSPC, "No space left on device", "run/report.html")

    monkeypatch.setattr(report, "run", full)
    message = refused(capsys, folder, "report", "run")
    assert "No space left on device: 'run/report.html'" in message


def test_a_fit_needs_a_task(capsys, folder):
    assert "--task COLUMN:KIND" in refused(capsys, folder, "fit", "good.csv")


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM is of POSIX systems")
def test_a_request_to_end_is_taken_for_ctrl_c(capsys, monkeypatch):
    from polytask.lab.commands import report

    def ended(flags):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(report, "run", ended)
    assert polytask_cli.main(["report", "runs/mine"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"], ["list"], []])
def test_help_imports_no_package(words):
    code = (
        "import sys, polytask_cli\n"
        f"try: sys.exit(polytask_cli.main({words}))\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'polytask', 'keras', 'numpy', 'pandas', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    root = str(Path(polytask.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
