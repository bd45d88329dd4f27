"""The squared-error problem of some samples."""

from dataclasses import dataclass

import numpy as np

from polytask.linear.datafits.datafit import QuadraticDatafit
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
    make = _shared if samples.shared else _separate
    return make(samples, fit_intercept, weighting)


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
    complete = isinstance(datafit, SharedSquares) and datafit.common_gram
    size = features**2 * (1 if complete else tasks)
    if features > max(examples, 64) or size > _CAPACITY:
        return datafit
    every = np.arange(features)
    gram = datafit.cross_gram(every, every)
    return GramSquares(gram, datafit.cross_term, datafit.null_value)
