"""The squared-error problem of some samples."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.datafits.sparse_squares import CenteredSparse, SparseSquares
from polytask.linear.datafits.squares import (
    GramSquares,
    SeparateSquares,
    SharedSquares,
    centered,
)
from polytask.linear.samples import Samples, missing

# Numbers in the Gram matrices of all tasks up to which they are formed at once.
_CAPACITY = 2**24


@dataclass(frozen=True)
class Squares:
    """The loss, and what its intercepts are made of.

    Attributes:
        datafit: ½ mean squared error of each task, summed over the tasks.
        input_means: Mean inputs of each task (tasks, features); 0 without intercept.
        target_means: Mean targets (tasks,); 0 without intercept.
    """

    datafit: QuadraticDatafit
    input_means: np.ndarray
    target_means: np.ndarray

    def intercepts(self, w: np.ndarray) -> np.ndarray:
        """Return the best intercepts for the weights (features, tasks)."""
        shift: np.ndarray = np.einsum("td,dt->t", self.input_means, w)
        return self.target_means - shift


def task_weights(counts: np.ndarray, weighting: str) -> np.ndarray:
    """Return a_t / n_t, what a squared error of each task counts.

    Args:
        counts: n_t, the number of labels of each task.
        weighting: `"equal"`, a_t = 1: tasks count alike; `"rows"`, a_t = n_t / mean n:
            labels count alike.
    """
    if weighting == "rows":
        return np.full(counts.shape, 1.0 / counts.mean())
    return 1.0 / counts


def make_squares(samples: Samples, fit_intercept: bool, weighting: str) -> Squares:
    """Return the squared-error problem.

    Args:
        samples: Inputs and numeric targets.
        fit_intercept: Whether every task has an intercept.
        weighting: As in `task_weights`.
    """
    if samples.sparse or samples.weights is not None:
        return _weighted(samples, fit_intercept, weighting)
    make = _shared if samples.shared else _separate
    return make(samples, fit_intercept, weighting)


def _weighted(samples: Samples, fit_intercept: bool, weighting: str) -> Squares:
    """Return the problem of weighted, or of sparse, inputs.

    With the means taken out, a weight is a factor of an example: its root.
    """
    unknown = [missing(y) for y in samples.ys]
    shared = samples.shared and not np.any(unknown)
    tables = range(1 if shared else len(samples.ys))
    blocks: list[Any] = []
    means, ys, totals = [], [], []
    for t in tables:
        table = 0 if samples.shared else t
        s = samples.weights_of(table)
        known = s > 0 if shared else (s > 0) & ~unknown[t]
        x, s = samples.xs[table][known], s[known]
        roots, total = np.sqrt(s), float(s.sum())
        mean = np.asarray((x.T @ s) / total).ravel() if fit_intercept else None
        if samples.sparse:
            blocks.append(CenteredSparse(x, roots, mean))
        else:
            constant = (x == x[:1]).all(axis=0)
            center = 0.0 if mean is None else np.where(constant, x[0], mean)
            blocks.append((x - center) * roots[:, None])
        for y in [y[known] for y in (samples.ys if shared else [samples.ys[t]])]:
            target = float(s @ y) / total if fit_intercept else 0.0
            ys.append((y - target) * roots)
            means.append((np.zeros(x.shape[1]) if mean is None else mean, target))
            totals.append(total)
    weights = task_weights(np.array(totals), weighting)
    datafit: QuadraticDatafit
    if samples.sparse:
        datafit = SparseSquares(blocks, ys, weights)
    elif shared:
        datafit = SharedSquares(blocks[0], np.stack(ys, axis=1), None, None, weights)
    else:
        datafit = SeparateSquares(blocks, ys, weights)
    examples = max(block.shape[0] for block in blocks)
    return Squares(
        _as_gram(datafit, examples),
        np.stack([inputs for inputs, _ in means]),
        np.array([target for _, target in means]),
    )


def _separate(samples: Samples, fit_intercept: bool, weighting: str) -> Squares:
    xs, ys = samples.xs, samples.ys
    weights = task_weights(np.array([float(y.size) for y in ys]), weighting)
    input_means = np.zeros((len(xs), xs[0].shape[1]))
    target_means = np.zeros(len(xs))
    if fit_intercept:
        pairs = [centered(x) for x in xs]
        xs, input_means = [x for x, _ in pairs], np.stack([mean for _, mean in pairs])
        target_means = np.array([y.mean() for y in ys])
        ys = [y - mean for y, mean in zip(ys, target_means, strict=True)]
    datafit: QuadraticDatafit = SeparateSquares(xs, ys, weights)
    return Squares(_as_gram(datafit, max(map(len, xs))), input_means, target_means)


def _shared(samples: Samples, fit_intercept: bool, weighting: str) -> Squares:
    x, y = samples.xs[0], np.stack(samples.ys, axis=1)
    unknown = missing(y)
    labeled = ~unknown if unknown.any() else None
    counts = np.sum(~unknown, axis=0).astype(float)
    weights = task_weights(counts, weighting)
    offsets = None
    input_means = np.zeros((y.shape[1], x.shape[1]))
    target_means = np.zeros(y.shape[1])
    if fit_intercept:
        x, center = centered(x)
        target_means = np.nansum(y, axis=0) / counts
        y = y - target_means
        if labeled is not None:
            offsets = (labeled.T @ x) / counts[:, None]
        input_means = center + (0.0 if offsets is None else offsets)
        input_means = np.broadcast_to(input_means, (y.shape[1], x.shape[1]))
    y = np.where(unknown, 0.0, y)
    datafit: QuadraticDatafit = SharedSquares(x, y, labeled, offsets, weights)
    return Squares(_as_gram(datafit, len(x)), input_means, target_means)


def _as_gram(datafit: QuadraticDatafit, examples: int) -> QuadraticDatafit:
    """Return the loss by its Gram matrices where these are smaller than the data."""
    features, tasks = datafit.shape
    complete = getattr(datafit, "common_gram", False)
    size = features**2 * (1 if complete else tasks)
    if features > max(examples, 64) or size > _CAPACITY:
        return datafit
    every = np.arange(features)
    gram = datafit.cross_gram(every, every)
    return GramSquares(gram, datafit.cross_term, datafit.null_values)
