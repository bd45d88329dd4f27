import shutil

import numpy as np
import pandas as pd
import pytest

from polytask.lab.studies import Study, run_study

STUDY = """
name = "tiny"

[data]
file = "table.csv"

[tasks]
sick = "binary"
score = "regression"

[network]
trunk = [8]
towers = [4]

[budget]
epochs = 2
batch_size = 16
learning_rate = 0.02
seeds = 2

[baselines]
models = ["constant", "linear"]

[variants.none]

[variants.l1]
l1 = 1e-2
"""


def write_tiny_study(folder):
    """Write 60 rows with two inputs and two sparsely labeled tasks, and a study."""
    random = np.random.default_rng(0)
    age = random.normal(50, 10, 60).round(1)
    job = random.choice(["nurse", "clerk"], 60)
    level = (age - 50) / 10 + (job == "nurse") + random.normal(0, 0.3, 60)
    frame = pd.DataFrame(
        {
            "age": age,
            "job": job,
            "sick": np.where(level > 0.5, "yes", "no"),
            "score": (100 + 10 * level).round(2),
        }
    )
    frame.loc[::7, "score"] = np.nan
    frame.loc[3::11, "sick"] = None
    frame.to_csv(folder / "table.csv", index=False)
    path = folder / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def with_rare_trades(study):
    """Give a tiny study's table categories that only some splits have often enough."""
    table = study.parent / "table.csv"
    frame = pd.read_csv(table)
    rare = np.resize(["cook", "smith", "weaver", "nurse", "clerk", "clerk"], 60)
    frame.assign(trade=rare).to_csv(table, index=False)


@pytest.fixture
def tiny_study(tmp_path):
    """The path of a study with two variants, seeds and epochs."""
    return write_tiny_study(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A study of one seed and its finished folder; to be copied, not changed."""
    path = write_tiny_study(tmp_path_factory.mktemp("trained"))
    study = Study.load(path).narrowed(seeds=1)
    folder = path.parent / "run"
    return study, folder, run_study(study, folder, command="polytask compare s.toml")


@pytest.fixture
def finished(trained, tmp_path):
    """A copy of `trained` that a test may change."""
    study, folder, summary = trained
    return study, shutil.copytree(folder, tmp_path / "run"), summary
