"""The study of a few rows of Census-Income that the example writes."""

import importlib.util
from pathlib import Path

from polytask.lab.studies import Study
from polytask.lab.tables.census import CODES

FILE = Path(__file__).parents[2] / "examples" / "census" / "few_rows.py"


def test_the_written_study_has_five_kinds_of_rivals_and_the_codes_as_categories():
    spec = importlib.util.spec_from_file_location("few_rows", FILE)
    few_rows = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(few_rows)
    study = Study.parse(few_rows.study(), "study.toml", Path())
    assert dict(study.data.columns) == dict.fromkeys(CODES, "categorical")
    assert study.varies_split
    assert study.baselines.models == ("constant", "linear", "trees", "lightgbm", "svm")
    assert len(study.baselines.settings("lightgbm")) == 4
    assert [v.name for v in study.variants][:2] == ["none", "l2"]
