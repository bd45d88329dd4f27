"""The command as a whole: its list, its version, a table through every verb."""

import json

import pandas as pd
import pytest

import polytask_cli
from polytask.lab.studies import Study
from tests.helpers.fitted_table import table


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


@pytest.mark.slow
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
