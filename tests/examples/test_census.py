"""The study of a few rows of Census-Income that the example writes."""

import importlib
from pathlib import Path

from polytask.lab.studies import Study
from polytask.lab.tables.census import CODES
from tests.helpers.program_modules import modules_of


def test_the_written_study_has_five_kinds_of_rivals_and_the_codes_as_categories():
    with modules_of("examples/census"):
        written = importlib.import_module("few_rows").study()
    study = Study.parse(written, "study.toml", Path())
    assert dict(study.data.columns) == dict.fromkeys(CODES, "categorical")
    assert study.varies_split
    assert study.baselines.models == ("constant", "linear", "trees", "lightgbm", "svm")
    assert len(study.baselines.settings("lightgbm")) == 4
    assert [v.name for v in study.variants][:2] == ["none", "l2"]
