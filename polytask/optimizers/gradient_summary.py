"""What the steps of an epoch say about the tasks' gradients."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True, eq=False)
class GradientSummary:
    """Means over the steps of an epoch in which the gradients were computed.

    Args:
        weights: (T,) mean weights of the tasks, over all steps.
        norms: (T,) mean norms of the tasks' gradients of the shared variables; NaN
            for a task that had none.
        cosines: (T, T) mean cosines of their angles; NaN for a pair that never had a
            gradient, which is not zero, in the same step. The diagonal is 1.
        conflict: Share of negative cosines among all pairs of all steps; NaN if there
            was no pair.
    """

    weights: np.ndarray
    norms: np.ndarray
    cosines: np.ndarray
    conflict: float

    @classmethod
    def of(cls, optimizer: Any) -> "GradientSummary":
        """Return the summary of the steps since `forget`.

        Args:
            optimizer: The `MultiTaskOptimizer` of a model that was trained.
        """
        *weights, steps = _numbers(optimizer.weight_sums)
        norms, steps_with = _numbers(optimizer.norm_sums)
        cosines, opposed, pairs = _numbers(optimizer.pair_sums)
        upper = np.triu_indices(len(norms), k=1)
        return cls(
            weights=np.array(weights) / max(steps, 1.0),
            norms=_mean(norms, steps_with),
            cosines=_mean(cosines, pairs),
            conflict=float(_mean(opposed[upper].sum(), pairs[upper].sum())),
        )

    @staticmethod
    def forget(optimizer: Any) -> None:
        """Begin new sums."""
        for sums in (optimizer.weight_sums, optimizer.norm_sums, optimizer.pair_sums):
            sums.assign(keras.ops.zeros(sums.shape, "float32"))


def _numbers(variable: keras.Variable) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), "float64")


def _mean(total: Any, count: Any) -> np.ndarray:
    """Return total / count, NaN where the count is 0."""
    counted = np.asarray(count) > 0
    return np.where(counted, total / np.where(counted, count, 1.0), np.nan)
