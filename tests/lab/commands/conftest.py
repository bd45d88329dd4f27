"""A fitted run that the tests of this folder share."""

import shutil

import numpy as np
import pytest

import polytask_cli
from tests.helpers.fitted_table import table


@pytest.fixture(scope="session")
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
