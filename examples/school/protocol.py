"""How School and Parkinsons are measured: per-task rows, splits, λ by cross-validation.

The inputs are standardized with the training rows of all tasks together, every task has
its own intercept, and λ / λ_max is chosen by cross-validation on the training rows. The
error is the mean over the tasks of their RMSE, weighted by their number of test rows.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from picture import draw
from sklearn.exceptions import ConvergenceWarning

from polytask.linear import MultiTaskRegressorCV

Rows = list[np.ndarray]


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Args:
        title: What the table calls it.
        structure: `task_structure` of `MultiTaskRegressorCV`.
        smallest_ratio: The end of the path, as a fraction of λ_max.
        published: A figure to compare with for each training share, or None.
    """

    title: str
    structure: Any
    smallest_ratio: float
    published: tuple[float | None, ...]


@dataclass(frozen=True)
class Problem:
    """A data set with many tasks, each with rows of its own.

    Args:
        name: Of the folder and the picture.
        title: Of the picture.
        shares: Shares of each task's rows that train.
        methods: What is compared.
        load: Folder (or None) to inputs and targets of each task.
    """

    name: str
    title: str
    shares: tuple[float, ...]
    methods: tuple[Method, ...]
    load: Callable[[Path | None], tuple[Rows, Rows]]


def split(ys: list[np.ndarray], share: float, seed: int) -> tuple[list, list]:
    """Return the training and test rows of each school."""
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(y)) for y in ys]
    cuts = [round(share * len(y)) for y in ys]
    return (
        [np.sort(o[:c]) for o, c in zip(orders, cuts, strict=True)],
        [np.sort(o[c:]) for o, c in zip(orders, cuts, strict=True)],
    )


def standardized(xs: list[np.ndarray], train: list[np.ndarray]) -> list[np.ndarray]:
    """Return the inputs in units of their spread over all training rows."""
    rows = np.vstack([x[i] for x, i in zip(xs, train, strict=True)])
    spread = rows.std(axis=0)
    spread[spread == 0] = 1.0
    return [(x - rows.mean(axis=0)) / spread for x in xs]


def weighted_rmse(targets: Rows, guesses: Rows) -> float:
    """Return Σ_t n_t RMSE_t / Σ_t n_t."""
    sizes = [len(y) for y in targets]
    errors = [
        np.sqrt(np.mean((y - g) ** 2)) for y, g in zip(targets, guesses, strict=True)
    ]
    return float(np.average(errors, weights=sizes))


def measure(
    method: Method,
    xs: Rows,
    ys: Rows,
    share: float,
    seed: int,
    quick: bool,
) -> dict[str, Any]:
    """Fit one method on one split."""
    train, test = split(ys, share, seed)
    inputs = standardized(xs, train)

    def rows(values: Rows, chosen: list) -> Rows:
        return [v[i] for v, i in zip(values, chosen, strict=True)]

    model = MultiTaskRegressorCV(
        method.structure,
        num_strengths=12 if quick else 30,
        smallest_ratio=method.smallest_ratio,
        cv=3 if quick else 5,
        random_state=seed,
        tol=1e-4,
    )
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(rows(inputs, train), rows(ys, train))
    seconds = time.process_time() - start
    return {
        "method": method.title,
        "share": share,
        "seed": seed,
        "error": weighted_rmse(rows(ys, test), model.predict(rows(inputs, test))),
        "training_error": weighted_rmse(
            rows(ys, train), model.predict(rows(inputs, train))
        ),
        "ratio": model.ratio_,
        "features": int(model.coef_.any(axis=0).sum()),
        "zeros": float(np.mean(model.coef_ == 0)),
        "rank": int(np.linalg.matrix_rank(model.coef_, tol=1e-6)),
        "seconds": seconds,
    }


def errors_of(results: Sequence[dict], method: Method, share: float) -> list[float]:
    """Return the errors of a method, one for each split."""
    return [
        r["error"]
        for r in results
        if r["method"] == method.title and r["share"] == share
    ]


def table(problem: Problem, results: Sequence[dict]) -> str:
    """Return the results as a Markdown table."""
    smallest = problem.shares[0]
    columns = [f"{share:.0%} training | figure" for share in problem.shares]
    columns += [f"zeros at {smallest:.0%}", f"rank at {smallest:.0%}"]
    heading = f"| method | {' | '.join(columns)} |".replace("%", " %")
    lines = [heading, "|---" * (heading.count("|") - 1) + "|"]
    for method in problem.methods:
        cells = []
        for share, published in zip(problem.shares, method.published, strict=True):
            found = errors_of(results, method, share)
            spread = f" ± {np.std(found, ddof=1):.2f}" if len(found) > 1 else ""
            figure = "" if published is None else f"{published:.2f}"
            cells += [f"{np.mean(found):.2f}{spread}", figure]
        first = [
            r for r in results if r["method"] == method.title and r["share"] == smallest
        ]
        cells.append(f"{100 * np.mean([r['zeros'] for r in first]):.0f} %")
        cells.append(f"{np.mean([r['rank'] for r in first]):.0f}")
        lines.append(f"| {method.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(problem: Problem, description: str) -> None:
    """Measure every method on every split, as the command line says."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the data")
    parser.add_argument("--out", type=Path, default=Path(f"runs/{problem.name}"))
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two splits, 12 strengths")
    options = parser.parse_args()
    xs, ys = problem.load(options.data_dir)
    splits = 2 if options.quick else options.splits
    start = time.perf_counter()
    results = []
    for share in problem.shares:
        for method in problem.methods:
            for seed in range(splits):
                results.append(measure(method, xs, ys, share, seed, options.quick))
            seconds = sum(r["seconds"] for r in results[-splits:])
            print(
                f"{share:.0%} training, {method.title}: "
                f"{np.mean(errors_of(results, method, share)):.2f} ({seconds:.1f} s)",
                flush=True,
            )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "table.md").write_text(table(problem, results) + "\n")
    draw(problem, results, options.out / f"{problem.name}.svg")
    print(f"\nWeighted RMSE:\n\n{table(problem, results)}\n")
    print(f"{time.perf_counter() - start:.0f} s. Results and picture: {options.out}")
