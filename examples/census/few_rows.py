"""A part of Census-Income that is small enough to overfit, as a table and a study.

    python examples/census/few_rows.py --data-dir DIR --out runs/few
    polytask compare runs/few/study.toml --repeats 5

4,000 of the 99,762 rows of the official test file; half of them train, a quarter each
validates and tests. Tasks and columns are those of `polytask compare census`.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from polytask.lab.tables import census
from polytask.lab.tables.fetch import fetch

ROWS = 4_000
STUDY = """\
name = "few-census"
title = "Census-Income (KDD): three tasks from 2,000 training rows"

[data]
file = "census.csv"
split = [0.5, 0.25, 0.25]

[data.columns]
{codes}

[tasks]
income = "binary"
never_married = "binary"
education = "binary"

[network]
trunk = [128, 64]
towers = [32]

[budget]
repeats = 5
epochs = 30
batch_size = 100
learning_rate = 0.001
patience = 8

[baselines]
models = ["constant", "linear", "trees", "lightgbm", "svm"]
lightgbm = {{ n_estimators = [100, 300], learning_rate = [0.05], num_leaves = [7, 31] }}
svm = {{ C = [1, 10], gamma = ["scale", "auto"] }}

[variants.none]
title = "No regularization"

[variants.l2]
title = "L2"
l2 = 3e-3

[variants.l1]
title = "L1 (exact zeros)"
l1 = 1e-3

[variants.dropout]
title = "Dropout in the trunk"
dropout_trunk = 0.5

[variants.combination]
title = "Dropout and decoupled weight decay"
dropout_trunk = 0.5
weight_decay = 0.1
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data-dir", type=Path, help="where the official file lies")
    parser.add_argument("--out", type=Path, default=Path("runs/few"))
    flags = parser.parse_args()
    content = fetch(census.CENSUS, flags.data_dir)[census.TEST_FILE.name]
    flags.out.mkdir(parents=True, exist_ok=True)
    table(census.parsed(content, census.TEST_FILE)).to_csv(
        flags.out / "census.csv", index=False
    )
    (flags.out / "study.toml").write_text(study(), "utf-8")
    print(f"polytask compare {flags.out / 'study.toml'}")


def study() -> str:
    """Return the text of the study file."""
    codes = "\n".join(f'"{name}" = "categorical"' for name in census.CODES)
    return STUDY.format(codes=codes)


def table(raw: pd.DataFrame) -> pd.DataFrame:
    """Return some of the rows with the three tasks beside the inputs."""
    chosen = np.random.default_rng(0).permutation(len(raw))[:ROWS]
    return census.with_tasks(raw.iloc[np.sort(chosen)])


if __name__ == "__main__":
    main()
