"""The two problems that the balancers are compared on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from polytask.lab.studies import Budget, Network
from polytask.lab.tables import Dataset, Split, Task
from polytask.lab.tables.census import load_census

ROWS = {"train": 1000, "validation": 500, "test": 4000}
FEATURES = 10
NOISE = 0.1
CENSUS_ROWS = {"train": 10_000, "validation": 5_000}


@dataclass(frozen=True)
class Problem:
    """Data, network and budget; the metric by which tasks are compared."""

    dataset: Dataset
    network: Network
    budget: Budget
    metric: str


def opposed(quick: bool = False) -> Problem:
    """Return two regression tasks that fight for a narrow trunk.

    Each target is the sum of a step that both share, with opposite signs, and of a
    step of its own, in three orthogonal directions. The second is a hundred times as
    large, so that its squared error is ten thousand times as large. The trunk ends in
    two units: room for both targets, if the large one does not take both.
    """
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((FEATURES, 3)))[0]
    splits = {}
    for name, rows in ROWS.items():
        x = rng.standard_normal((rows, FEATURES))
        shared, first, second = np.tanh(2.0 * x @ directions).T
        noise = NOISE * rng.standard_normal((2, rows))
        y = {
            "small": 0.1 * (shared + first + noise[0]),
            "large": 10.0 * (second - shared + noise[1]),
        }
        splits[name] = Split(x.astype("float32"), y)
    # Neither is standardized: the scales are the problem.
    tasks = (Task("small", "regression"), Task("large", "regression"))
    names = tuple(f"x{i}" for i in range(FEATURES))
    return Problem(
        Dataset(
            "opposed",
            tasks,
            **splits,
            feature_names=names,
            feature_sources=names,
            facts={},
        ),
        Network(trunk=(64, 2), towers=(16,), activation="tanh"),
        Budget(
            epochs=4 if quick else 30, batch_size=50, learning_rate=5e-3, patience=30
        ),
        "rmse",
    )


def census(data_dir: Path | None, quick: bool = False) -> Problem:
    """Return Census-Income (KDD) with fewer rows than the bundled study."""
    dataset = load_census(data_dir)
    train = _first(dataset.train, 2000 if quick else CENSUS_ROWS["train"])
    validation = _first(dataset.validation, CENSUS_ROWS["validation"])
    return Problem(
        replace(dataset, train=train, validation=validation),
        Network(trunk=(128, 64), towers=(32,)),
        Budget(
            epochs=2 if quick else 5, batch_size=256, learning_rate=1e-3, patience=5
        ),
        "auc",
    )


def _first(split: Split, rows: int) -> Split:
    # The rows of the file are in no order that matters.
    return Split(split.x[:rows], {t: y[:rows] for t, y in split.y.items()})
