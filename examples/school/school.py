"""Exam scores of 139 schools: what each task structure of a linear model brings.

    python examples/school/school.py --data-dir DIR [--quick] [--out DIR]

`DIR` holds `school.mat` (139 tasks, 15,362 pupils, 28 inputs). The inputs are
standardized with the training rows of all schools together, every school has its own
intercept, λ is chosen by five-fold cross-validation on the training rows, and the error
is the mean over the schools of their RMSE, weighted by their number of test pupils.
"""

import argparse
import json
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from picture import draw
from sklearn.exceptions import ConvergenceWarning

from polytask.linear import MultiTaskRegressorCV

SOURCE = "https://github.com/jiayuzhou/MALSAR/blob/master/data/school.mat"
SHARES = (0.30, 0.75)


@dataclass(frozen=True)
class Method:
    """One row of the table."""

    title: str
    structure: str
    smallest_ratio: float
    published: tuple[float, float]  # at 30 % and 75 % of the rows for training


METHODS = (
    Method("single-task ridge", "ridge", 1e-4, (12.45, 10.83)),
    Method("lasso", "lasso", 1e-2, (10.83, 10.19)),
    Method("L2,1", "l21", 1e-2, (10.52, 10.08)),
    Method("mean-regularized", "mean_regularized", 1e-4, (10.55, 10.11)),
    Method("trace norm", "trace_norm", 1e-2, (10.36, 9.93)),
)


def load(folder: Path | None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the inputs and scores of each school."""
    hint = (
        f"Download school.mat from {SOURCE} (cite Goldstein 1991; no license is "
        "stated, so it does not come with polytask) and pass its folder:\n"
        "    python examples/school/school.py --data-dir DIR"
    )
    if folder is None:
        sys.exit(f"--data-dir is missing. {hint}")
    file = folder / "school.mat"
    if not file.is_file():
        sys.exit(f"There is no {file}. {hint}")
    from scipy.io import loadmat

    cells = loadmat(file)
    xs = [x.astype(float) for x in cells["X"].ravel()]
    ys = [y.ravel().astype(float) for y in cells["Y"].ravel()]
    return xs, ys


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


def weighted_rmse(targets: list[np.ndarray], guesses: list[np.ndarray]) -> float:
    """Return Σ_t n_t RMSE_t / Σ_t n_t."""
    sizes = [len(y) for y in targets]
    errors = [
        np.sqrt(np.mean((y - g) ** 2)) for y, g in zip(targets, guesses, strict=True)
    ]
    return float(np.average(errors, weights=sizes))


def measure(
    method: Method, xs: list, ys: list, share: float, seed: int, quick: bool
) -> dict:
    """Fit one method on one split."""
    train, test = split(ys, share, seed)
    inputs = standardized(xs, train)

    def rows(values: list, chosen: list) -> list:
        return [v[i] for v, i in zip(values, chosen, strict=True)]

    model = MultiTaskRegressorCV(
        method.structure,
        num_strengths=12 if quick else 30,
        smallest_ratio=method.smallest_ratio,
        cv=3 if quick else 5,
        random_state=seed,
        tol=1e-4,
    )
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(rows(inputs, train), rows(ys, train))
    guesses = model.predict(rows(inputs, test))
    return {
        "method": method.title,
        "share": share,
        "seed": seed,
        "rmse": weighted_rmse(rows(ys, test), guesses),
        "ratio": model.ratio_,
        "features": int(model.coef_.any(axis=0).sum()),
        "zeros": float(np.mean(model.coef_ == 0)),
        "rank": int(np.linalg.matrix_rank(model.coef_, tol=1e-6)),
        "seconds": time.perf_counter() - start,
    }


def table(results: list[dict]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| method | 30 % training | figure | 75 % training | figure | zeros at 30 % "
        "| rank at 30 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for method in METHODS:
        cells = []
        for share, published in zip(SHARES, method.published, strict=True):
            found = [
                r["rmse"]
                for r in results
                if r["method"] == method.title and r["share"] == share
            ]
            spread = f" ± {np.std(found, ddof=1):.2f}" if len(found) > 1 else ""
            cells += [f"{np.mean(found):.2f}{spread}", f"{published:.2f}"]
        first = [
            r for r in results if r["method"] == method.title and r["share"] == 0.30
        ]
        cells.append(f"{100 * np.mean([r['zeros'] for r in first]):.0f} %")
        cells.append(f"{np.mean([r['rank'] for r in first]):.0f}")
        lines.append(f"| {method.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="folder of school.mat")
    parser.add_argument("--out", type=Path, default=Path("runs/school"))
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two splits, 12 strengths")
    options = parser.parse_args()
    xs, ys = load(options.data_dir)
    splits = 2 if options.quick else options.splits
    start = time.perf_counter()
    results = []
    for share in SHARES:
        for method in METHODS:
            for seed in range(splits):
                results.append(measure(method, xs, ys, share, seed, options.quick))
            found = [r["rmse"] for r in results[-splits:]]
            seconds = sum(r["seconds"] for r in results[-splits:])
            print(
                f"{share:.0%} training, {method.title}: {np.mean(found):.2f} "
                f"({seconds:.1f} s)",
                flush=True,
            )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "table.md").write_text(table(results) + "\n")
    draw(results, METHODS, SHARES, options.out / "school.svg")
    print(f"\n{table(results)}\n")
    print(f"{time.perf_counter() - start:.0f} s. Results and picture: {options.out}")


if __name__ == "__main__":
    main()
