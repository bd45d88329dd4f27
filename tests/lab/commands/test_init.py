"""A study file that `polytask init` wrote."""

import polytask_cli
from polytask.lab.studies import Study


def test_a_study_file_made_by_init_can_be_read(fitted, tmp_path):

    out = tmp_path / "deep" / "study.toml"
    words = ["init", str(fitted / "data.csv"), "--out", str(out)]
    assert polytask_cli.main(words) == 0
    study = Study.load(out)
    assert study.data.file == str(fitted / "data.csv")
    assert study.plain == "none"
