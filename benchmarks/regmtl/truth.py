"""Which structure wins where the truth is known: a map, and the true one beside it.

    python benchmarks/regmtl/truth.py    results/truth.parquet; `pages.py` draws it

Four linear tasks of 20 standard normal inputs; a row has the label of one task. The
weights of two tasks correlate by ρ: all of them where ρ is positive; where it is
negative there are two groups of two tasks, alike within and opposite across. Each
structure tries its strengths on validation rows; what counts is its excess error on new
rows, the squared distance to the true weights.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from polytask.linear import MultiTaskRegressor
from polytask.regularizers import MeanRegularized

TASKS, INPUTS = 4, 20
CORRELATIONS = (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9, 1.0)
LABELS = (10, 20, 40, 80)
#: Standard deviations of the noise, of a signal of 1.
NOISES = (1 / 3, 1.0, 3.0)
PROBLEMS = 8
STRENGTHS = 8
#: Structures of the library → the ratios of λ that they try.
STRUCTURES: Mapping[str, np.ndarray] = {
    "l2": np.geomspace(1e-3, 1e2, STRENGTHS),
    "mean_regularized": np.geomspace(1e-3, 1e2, STRENGTHS),
    "l21": np.geomspace(1e-2, 1.0, STRENGTHS),
    "trace_norm": np.geomspace(1e-2, 1.0, STRENGTHS),
}
#: Of the weights beside their distance from the mean, as a share of its strength: that
#: of a prior with a correlation of .6.
RIDGE = 1 / 6
POOLED, TRUTH = "pooled", "truth"
TABLE = Path(__file__).parent / "results" / "truth.parquet"

#: Inputs (labels, inputs) and labels of each task.
Rows = list[tuple[np.ndarray, np.ndarray]]


def true_structure(correlation: float) -> str:
    """Return the structure whose prior holds the truth.

    Args:
        correlation: Of the tasks' weights.
    """
    if correlation == 1.0:
        return POOLED
    if correlation == 0.0:
        return "l2"
    # Two opposite groups are of rank one, and independent parts beside it.
    return "mean_regularized" if correlation > 0 else "trace_norm"


def covariance(correlation: float) -> np.ndarray:
    """Return the covariance of the tasks' weights, (tasks, tasks)."""
    signs = np.ones(TASKS)
    if correlation < 0:
        signs[TASKS // 2 :] = -1.0
    shared = abs(correlation) * np.outer(signs, signs)
    return shared + (1 - abs(correlation)) * np.eye(TASKS)


def drawn_rows(
    weights: np.ndarray, labels: int, noise: float, random: np.random.Generator
) -> Rows:
    """Return `labels` rows of each task, whose weights are (inputs, tasks)."""
    rows = []
    for own in weights.T:
        x = random.standard_normal((labels, INPUTS))
        rows.append((x, x @ own + noise * random.standard_normal(labels)))
    return rows


def known_prior(rows: Rows, prior: np.ndarray, noise: float) -> np.ndarray:
    """Return the posterior mean of the weights, (inputs, tasks).

    Args:
        rows: Of every task.
        prior: Covariance of the tasks' weights, of which each input has a draw; times
            the number of inputs.
        noise: Standard deviation of the labels' noise.
    """
    # An identical pair of tasks has no precision; the posterior does without it.
    x = np.zeros((sum(len(y) for _, y in rows), TASKS * INPUTS))
    start = 0
    for task, (own, _) in enumerate(rows):
        place = slice(task * INPUTS, (task + 1) * INPUTS)
        x[start : start + len(own), place] = own
        start += len(own)
    y = np.concatenate([labels for _, labels in rows])
    spread = np.kron(prior / INPUTS, np.eye(INPUTS))
    gain = spread @ x.T
    found = gain @ np.linalg.solve(x @ gain + noise**2 * np.eye(len(y)), y)
    return found.reshape(TASKS, INPUTS).T


def candidates(rows: Rows) -> dict[str, list[np.ndarray]]:
    """Return structure → its weights for each strength, from weak to strong."""
    xs, ys = ([part[i] for part in rows] for i in (0, 1))
    found = {
        name: [_fitted(xs, ys, name, ratio) for ratio in ratios]
        for name, ratios in STRUCTURES.items()
    }
    together = [np.concatenate(xs)], [np.concatenate(ys)]
    found[POOLED] = [
        np.repeat(_fitted(*together, "l2", ratio), TASKS, axis=1)
        for ratio in STRUCTURES["l2"]
    ]
    return found


def _fitted(
    xs: list[np.ndarray], ys: list[np.ndarray], name: str, ratio: float
) -> np.ndarray:
    # Without a ridge the mean itself would be free.
    near = MeanRegularized(1.0, ridge=RIDGE)
    structure = near if name == "mean_regularized" else name
    model = MultiTaskRegressor(structure, ratio=ratio, fit_intercept=False, tol=1e-4)
    weights: np.ndarray = np.atleast_2d(model.fit(xs, ys).coef_).T
    return weights


def excess_errors(
    correlation: float, labels: int, noise: float, seed: int
) -> dict[str, float]:
    """Return structure → mean over tasks of the excess error, of a signal of 1.

    Args:
        correlation: Of the tasks' weights.
        labels: Of a task, for training and once more for validation.
        noise: Its standard deviation.
        seed: Of the problem.
    """
    random = np.random.default_rng(seed)
    prior = covariance(correlation)
    mixed = np.linalg.cholesky(prior + 1e-12 * np.eye(TASKS))
    weights = random.standard_normal((INPUTS, TASKS)) @ mixed.T / np.sqrt(INPUTS)
    train, validation = (drawn_rows(weights, labels, noise, random) for _ in range(2))

    def error(found: np.ndarray) -> float:
        return float(np.mean(np.sum((found - weights) ** 2, axis=0)))

    def judged(found: np.ndarray) -> float:
        misses = [
            np.mean((y - x @ found[:, task]) ** 2)
            for task, (x, y) in enumerate(validation)
        ]
        return float(np.mean(misses))

    errors = {
        name: error(min(tried, key=judged)) for name, tried in candidates(train).items()
    }
    return errors | {TRUTH: error(known_prior(train, prior, noise))}


def main() -> None:
    """Solve the problems, and keep the mean and the standard error of each cell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--problems", type=int, default=PROBLEMS, help="of a cell")
    problems = words.parse_args().problems
    start = time.process_time()
    rows = []
    for noise in NOISES:
        for labels in LABELS:
            for correlation in CORRELATIONS:
                found = pd.DataFrame(
                    excess_errors(correlation, labels, noise, seed)
                    for seed in range(problems)
                )
                for name, values in found.items():
                    cell = (correlation, labels, noise, name)
                    rows.append((*cell, values.mean(), values.sem()))
    columns = ["correlation", "labels", "noise", "structure", "error", "sem"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.to_parquet(TABLE, index=False, compression="zstd")
    print(f"{len(rows)} means, {time.process_time() - start:.0f} s of CPU time")


if __name__ == "__main__":
    main()
