"""School's ten official splits: structures that go beyond a convex penalty of weights.

    python examples/school/official_splits.py --data-dir DIR [--splits N] [--out DIR]

`DIR` holds `school_b.mat` and `school_1_indexes.mat` to `school_10_indexes.mat`, or a
folder `school` with them. Each split has 75 % of the pupils for training. Inputs are
standardized with them, every school has its own intercept, and the options of a method
are chosen by three-fold cross-validation among the training pupils; a grid whose best
strength is at its edge grows until it is inside.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from protocol import Rows, standardized, weighted_rmse
from scipy.io import loadmat
from sklearn.exceptions import ConvergenceWarning

from polytask.linear import (
    AsymmetricRegressor,
    LatentBasisRegressor,
    MatrixNormalRegressor,
    MultiTaskGridSearchCV,
    MultiTaskRegressor,
)
from polytask.regularizers import MCP, SCAD, CappedRows, GrOWL, LogSum

SOURCE = "https://github.com/tjanez/PyMTL/tree/master/data/school"


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Args:
        title: What the table calls it.
        estimator: What is fitted.
        strength: The option whose grid grows.
        grid: Its first values, rising.
        others: Further options with their values.
    """

    title: str
    estimator: Any
    strength: str
    grid: tuple[float, ...]
    others: dict[str, list[Any]]


def _of(title: str, structure: Any, grid: Any, **options: Any) -> Method:
    estimator = MultiTaskRegressor(structure, tol=1e-4, **options)
    return Method(title, estimator, "ratio", tuple(grid), {})


RIDGE = "single-task ridge"
FINE = np.geomspace(0.01, 0.3, 5)
METHODS = (
    _of(RIDGE, "ridge", np.geomspace(0.01, 1, 5)),
    _of("L2,1", "l21", FINE),
    _of("trace norm", "trace_norm", FINE),
    _of("mean-regularized", "mean_regularized", np.geomspace(0.01, 1, 5)),
    _of("L2,1, calibrated", "l21", FINE, loss="root"),
    _of("SLOPE", "slope", FINE),
    _of("GrOWL", GrOWL(1.0, clustering=0.5), FINE),
    Method(
        "capped L1 of rows (MSMTFL)",
        MultiTaskRegressor("capped_rows", tol=1e-4),
        "ratio",
        tuple(FINE),
        {"task_structure": [CappedRows(1.0, cap=cap) for cap in (30.0, 100.0, 300.0)]},
    ),
    Method(
        "log-sum",
        MultiTaskRegressor("log_sum", tol=1e-4),
        "ratio",
        tuple(FINE),
        {"task_structure": [LogSum(1.0, epsilon=size) for size in (1.0, 10.0)]},
    ),
    Method(
        "MCP",
        MultiTaskRegressor("mcp", tol=1e-4),
        "ratio",
        tuple(FINE),
        {"task_structure": [MCP(1.0, gamma=gamma) for gamma in (3.0, 30.0)]},
    ),
    _of("SCAD", SCAD(1.0), FINE),
    _of("Lq, q = 1/2", "lq", np.geomspace(0.003, 0.1, 5)),
    _of("multi-level lasso", "multi_level", np.geomspace(0.01, 1, 5)),
    _of("multiplicative, p = 2, k = 1", "multiplicative", np.geomspace(0.03, 3, 5)),
    Method(
        "GO-MTL",
        LatentBasisRegressor(tol=1e-3),
        "ratio",
        tuple(np.geomspace(0.03, 0.3, 4)),
        {"components": [2, 4, 8]},
    ),
    Method(
        "AMTL",
        AsymmetricRegressor(tol=1e-3),
        "strength",
        tuple(np.geomspace(1, 30, 4)),
        {"cost": [0.1, 1.0, 10.0]},
    ),
    Method(
        "matrix-normal, sparse precision",
        MatrixNormalRegressor(tol=1e-3),
        "ratio",
        tuple(np.geomspace(0.001, 0.1, 4)),
        {"sparsity": [0.3, 1.0]},
    ),
)


def read(folder: Path | None, split: int) -> tuple[Rows, Rows, list, list]:
    """Return inputs and scores of each school, with its training and test rows."""
    hint = f"Download the folder {SOURCE} and pass it: --data-dir DIR"
    if folder is None:
        sys.exit(f"--data-dir is missing. {hint}")
    folder = folder if (folder / "school_b.mat").is_file() else folder / "school"
    if not (folder / "school_b.mat").is_file():
        sys.exit(f"There is no {folder / 'school_b.mat'}. {hint}")
    cells = loadmat(folder / "school_b.mat")
    # The last column is constant, for an intercept; every school has one of its own.
    x, y = cells["x"].T.astype(float), cells["y"].ravel().astype(float)
    x = x[:, x.std(axis=0) > 0]
    starts = cells["task_indexes"].ravel().astype(int) - 1
    schools = np.split(np.arange(len(y)), starts[1:])
    chosen = loadmat(folder / f"school_{split}_indexes.mat")
    train = np.zeros(len(y), bool)
    train[chosen["tr"].ravel().astype(int) - 1] = True
    return (
        [x[rows] for rows in schools],
        [y[rows] for rows in schools],
        [np.flatnonzero(train[rows]) for rows in schools],
        [np.flatnonzero(~train[rows]) for rows in schools],
    )


def chosen(method: Method, xs: Rows, ys: Rows, seed: int) -> MultiTaskGridSearchCV:
    """Return the search whose best strength is inside its grid."""
    grid = list(method.grid)
    while True:
        search = MultiTaskGridSearchCV(
            method.estimator,
            {method.strength: grid, **method.others},
            cv=3,
            random_state=seed,
        ).fit(xs, ys)
        best = search.best_params_[method.strength]
        if grid[0] < best < grid[-1]:
            return search
        step = grid[1] / grid[0]
        if best == grid[0]:
            grid = [grid[0] / step**2, grid[0] / step, *grid[:2]]
        else:
            grid = [*grid[-2:], grid[-1] * step, grid[-1] * step**2]


def measure(
    method: Method, xs: Rows, ys: Rows, train: list, test: list, split: int
) -> dict[str, Any]:
    """Fit one method on one split."""
    xs = standardized(xs, train)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        search = chosen(
            method,
            [x[rows] for x, rows in zip(xs, train, strict=True)],
            [y[rows] for y, rows in zip(ys, train, strict=True)],
            split,
        )
    seconds = time.process_time() - start
    targets = [y[rows] for y, rows in zip(ys, test, strict=True)]
    guesses = search.predict([x[rows] for x, rows in zip(xs, test, strict=True)])
    every, guess = np.concatenate(targets), np.concatenate(guesses)
    square = float(np.mean((every - guess) ** 2))
    coef = search.best_estimator_.coef_
    return {
        "method": method.title,
        "split": split,
        "error": weighted_rmse(targets, guesses),
        "rmse": square**0.5,
        "explained": 100 * (1 - square / float(np.var(every))),
        "zeros": 100 * float(np.mean(coef == 0)),
        "options": {k: str(v) for k, v in search.best_params_.items()},
        "seconds": round(seconds, 1),
    }


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the results as a Markdown table.

    "Above ridge" is how much lower the weighted RMSE is, split by split.
    """
    yield "| method | weighted RMSE | RMSE | explained variance | zeros | above ridge |"
    yield "|---|---|---|---|---|---|"
    ridge = {r["split"]: r["error"] for r in results if r["method"] == RIDGE}
    for title in dict.fromkeys(row["method"] for row in results):
        rows = [row for row in results if row["method"] == title]
        above = [ridge[r["split"]] - r["error"] for r in rows if r["split"] in ridge]
        cells = [_spread([row[key] for row in rows]) for key in ("error", "rmse")]
        cells.append(_spread([row["explained"] for row in rows]) + " %")
        cells.append(f"{np.mean([row['zeros'] for row in rows]):.0f} %")
        cells.append("" if title == RIDGE or not above else _spread(above))
        yield f"| {title} | {' | '.join(cells)} |"


def _spread(values: list[float]) -> str:
    """Return mean ± standard deviation, with three places where they are small."""
    places = 3 if max(map(abs, values)) < 2 else 2
    mean = f"{np.mean(values):.{places}f}"
    spread = np.std(values, ddof=1) if len(values) > 1 else None
    return mean if spread is None else f"{mean} ± {spread:.{places}f}"


def run(
    read: Callable[[Path | None, int], tuple[Rows, Rows, list, list]],
    description: str,
    name: str,
    splits: int,
    methods: tuple[Method, ...] = METHODS,
) -> None:
    """Measure what is not yet in the results, split by split.

    Args:
        read: Folder and number of a split to inputs, targets, training and test rows.
        description: Of the command line.
        name: Of the folder of results.
        splits: How many there are.
        methods: What is compared.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the data")
    parser.add_argument("--out", type=Path, default=Path(f"runs/{name}"))
    parser.add_argument("--splits", type=int, default=splits)
    parser.add_argument("--methods", nargs="*", help="titles; all by default")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "results.json"
    results = json.loads(file.read_text()) if file.is_file() else []
    done = {(row["method"], row["split"]) for row in results}
    for split in range(1, options.splits + 1):
        data = read(options.data_dir, split)
        for method in methods:
            if (method.title, split) in done:
                continue
            if options.methods and method.title not in options.methods:
                continue
            results.append(measure(method, *data, split))
            file.write_text(json.dumps(results, indent=1) + "\n")
            row = results[-1]
            print(
                f"split {split}, {method.title}: {row['error']:.2f}, "
                f"{row['options']} ({row['seconds']} s)",
                flush=True,
            )
    print("\n" + "\n".join(table(results)))


if __name__ == "__main__":
    run(read, __doc__, "school_splits", splits=10)
