"""What a solver needs to know about the penalty.

The mathematics is that of `polytask.regularizers`, in NumPy and double precision. Norms
of rows and of entries have kernels of their own, for the sweeps of the active set.
"""

import abc
from typing import Any

import numpy as np

from polytask import regularizers
from polytask.numeric.namespace import NUMPY_OPS
from polytask.numeric.prox import shortened, soft_threshold
from polytask.regularizers import Regularizer
from polytask.regularizers.concave import HasTangents

_ONE = np.ones(())


class Penalty(abc.ABC):
    """A function Ω of the weight matrix W (features, columns).

    Attributes:
        parts: How many matrices add up to W; their penalties add up to Ω.
        concave: Whether Ω is not convex, but nowhere above its convex `tangent`.
    """

    parts: int = 1
    concave: bool = False

    @abc.abstractmethod
    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""

    @abc.abstractmethod
    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return argmin over W of ½‖W - V‖² + step · Ω(W)."""

    def dual_norm(self, gradient: np.ndarray) -> float | None:
        """Return the smallest c with gradient in c · ∂Ω(0); None if Ω is no norm."""
        return None

    def tangent(self, w: np.ndarray, curvature: float | None = None) -> "Penalty":
        """Return a convex penalty that is nowhere below Ω, and as steep at W.

        Args:
            w: Where it touches Ω, up to a constant.
            curvature: For a first point: the largest second derivative of the loss by
                a single weight. Sizes that are not worth their price at this curvature
                count as the least that is.
        """
        return self


class RowNorm(Penalty):
    """λ Σ_i ‖wⁱ‖₂, joint feature selection.

    Args:
        strength: λ, above 0.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.strength * float(row_norms(w).sum())

    def prox(self, v: np.ndarray, step: float | np.ndarray) -> np.ndarray:
        """Return the rows, shortened by step · λ; a step for each row is allowed."""
        rows: np.ndarray = shortened(
            NUMPY_OPS, v, row_norms(v)[:, None], step * self.strength
        )
        return rows

    def common(self, curvatures: np.ndarray) -> np.ndarray:
        """Return the curvatures (rows, 1) that a prox can use, for (rows, columns)."""
        largest: np.ndarray = curvatures.max(axis=1, keepdims=True)
        return largest

    def dual_norm(self, gradient: np.ndarray) -> float:
        """Return the largest row norm, over λ."""
        return float(row_norms(gradient).max()) / self.strength

    def scores(self, gradient: np.ndarray) -> np.ndarray:
        """Return each row's share in the dual norm; below 1 it may stay zero."""
        return row_norms(gradient) / self.strength


class EntryNorm(Penalty):
    """λ Σ |w|, the lasso.

    Args:
        strength: λ, above 0.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.strength * float(np.abs(w).sum())

    def prox(self, v: np.ndarray, step: float | np.ndarray) -> np.ndarray:
        """Return the entries, shrunk by step · λ; a step for each entry is allowed."""
        entries: np.ndarray = soft_threshold(NUMPY_OPS, v, step * self.strength)
        return entries

    def common(self, curvatures: np.ndarray) -> np.ndarray:
        """Return the curvatures that a prox can use: those of the entries."""
        return curvatures

    def dual_norm(self, gradient: np.ndarray) -> float:
        """Return the largest absolute value, over λ."""
        return float(np.abs(gradient).max()) / self.strength

    def scores(self, gradient: np.ndarray) -> np.ndarray:
        """Return each row's share in the dual norm; below 1 it may stay zero."""
        largest: np.ndarray = np.abs(gradient).max(axis=1)
        return largest / self.strength


def row_norms(w: np.ndarray) -> np.ndarray:
    """Return the Euclidean norm of each row."""
    norms: np.ndarray = np.sqrt(np.einsum("ij,ij->i", w, w))
    return norms


class Whole(Penalty):
    """A regularizer as it is.

    Args:
        regularizer: Ω, for tasks of one column.
        width: The number of columns of each task; they count as features.
    """

    def __init__(self, regularizer: Regularizer, width: int = 1) -> None:
        self.regularizer, self.width = regularizer, width

    def matrix(self, columns: int) -> np.ndarray | None:
        """Return the M of Ω(W) = ½ tr(W M Wᵀ); None where Ω is not of that form."""
        return self.regularizer.task_matrix(columns) if self.width == 1 else None

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return float(self.regularizer._value(NUMPY_OPS, self._stack(w)))

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the prox of the regularizer."""
        stack = self._stack(v)
        new = self.regularizer._prox(NUMPY_OPS, stack, np.float64(step), _ONE)
        return self._unstack(new, v)

    def dual_norm(self, gradient: np.ndarray) -> float | None:
        """Return λ_max as a multiple of the first strength, if Ω is a norm."""
        if not self.regularizer.is_norm:
            return None
        critical = self.lambda_max(gradient)
        first = getattr(self.regularizer, self.regularizer.strengths[0])
        return None if critical is None else critical / first

    def lambda_max(self, gradient: np.ndarray) -> float | None:
        """Return the first strength from which on W = 0 is optimal.

        Args:
            gradient: Gradient of the loss at W = 0.

        Returns:
            The strength; None if no finite one makes zero optimal.
        """
        critical = self.regularizer._lambda_max(NUMPY_OPS, self._stack(gradient))
        return None if critical is None else float(critical)

    def _stack(self, w: np.ndarray) -> np.ndarray:
        if self.width == 1:
            return w
        features, columns = w.shape
        split = w.reshape(features, columns // self.width, self.width)
        return np.swapaxes(split, -1, -2)

    def _unstack(self, stack: np.ndarray, like: np.ndarray) -> np.ndarray:
        if self.width == 1:
            return stack
        return np.swapaxes(stack, -1, -2).reshape(like.shape)


class Concave(Whole):
    """A regularizer that rises ever more slowly with the size of weights or of rows.

    Args:
        regularizer: Ω, one of those with tangents.
        width: As in `Whole`.
    """

    concave = True

    def tangent(self, w: np.ndarray, curvature: float | None = None) -> "Tangent":
        """Return the convex penalty that is as steep as Ω at W."""
        regularizer: Any = self.regularizer
        least = 0.0 if curvature is None else self._least(curvature)
        slopes = regularizer._slopes(NUMPY_OPS, self._stack(w), least)
        return Tangent(regularizer, slopes, self.width)

    def _least(self, curvature: float) -> float:
        """Return the least size of a weight at a minimum; 0 if there is none.

        That of ½ c (w - v)² + λ |w|^q is (2 λ (1 - q) / c)^(1 / (2 - q)).
        """
        regularizer: Any = self.regularizer
        q = regularizer.power
        if q is None:
            return 0.0
        number = 2.0 * regularizer.strength * (1.0 - q) / curvature
        return float(number ** (1.0 / (2.0 - q)))

    def critical(self, gradient: np.ndarray, curvature: float) -> float | None:
        """Return the λ from which on the first tangent makes all weights zero.

        Args:
            gradient: Gradient of the loss at W = 0.
            curvature: As in `tangent`.
        """
        regularizer: Any = self.regularizer
        q = regularizer.power
        if q is None:
            return self.lambda_max(gradient)
        size = float(regularizer._size(NUMPY_OPS, self._stack(gradient)))
        if curvature == 0:
            return size
        # At the least size z, λ is c z^(2 - q) / (2 (1 - q)) and the slope
        # c z q / (2 (1 - q)).
        z = 2.0 * (1.0 - q) * size / (q * curvature)
        return float(curvature * z ** (2.0 - q) / (2.0 * (1.0 - q)))


class Tangent(Whole):
    """The convex penalty that touches a concave one.

    Args:
        regularizer: The concave one.
        slopes: Its slope where the two touch, for each weight or row.
        width: As in `Whole`.
    """

    def __init__(self, regularizer: Any, slopes: np.ndarray, width: int) -> None:
        super().__init__(regularizer, width)
        self.slopes = slopes

    def value(self, w: np.ndarray) -> float:
        """Return the value, up to a constant."""
        regularizer: Any = self.regularizer
        return float(regularizer._tangent_value(NUMPY_OPS, self._stack(w), self.slopes))

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the prox of the tangent."""
        regularizer: Any = self.regularizer
        stack = self._stack(v)
        new = regularizer._tangent_prox(NUMPY_OPS, stack, step, self.slopes)
        return self._unstack(new, v)

    def dual_norm(self, gradient: np.ndarray) -> float | None:
        """Return None: weights may be free, for which no dual norm is finite."""
        return None

    def matrix(self, columns: int) -> np.ndarray | None:
        """Return None: the tangent is not quadratic."""
        return None


class SumSplit(Penalty):
    """min over W = P + Q of Ω₁(P) + Ω₂(Q): dirty and robust models.

    Its methods take P and Q stacked, (2, features, columns).

    Args:
        first: Ω₁.
        second: Ω₂.
    """

    parts = 2

    def __init__(self, first: Penalty, second: Penalty) -> None:
        self.first, self.second = first, second

    def value(self, w: np.ndarray) -> float:
        """Return Ω₁(P) + Ω₂(Q)."""
        return self.first.value(w[0]) + self.second.value(w[1])

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the proxes of the parts."""
        return np.stack([self.first.prox(v[0], step), self.second.prox(v[1], step)])

    def dual_norm(self, gradient: np.ndarray) -> float | None:
        """Return the larger dual norm of the parts, for the gradient in W."""
        pair = [part.dual_norm(gradient) for part in (self.first, self.second)]
        return None if None in pair else max(x for x in pair if x is not None)


class Nonnegative(Penalty):
    """Ω of weights that are at least 0, where Ω depends on absolute values alone.

    Then no weight whose step would make it negative moves away from zero, and Ω's own
    prox serves for the others.

    Args:
        penalty: Ω.
    """

    def __init__(self, penalty: Penalty) -> None:
        self.penalty, self.parts = penalty, penalty.parts
        self.concave = penalty.concave

    def value(self, w: np.ndarray) -> float:
        """Return Ω(W)."""
        return self.penalty.value(w)

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the prox of Ω at the positive part."""
        return self.penalty.prox(np.maximum(v, 0.0), step)

    def dual_norm(self, gradient: np.ndarray) -> float | None:
        """Return the dual norm of what would make weights positive."""
        return self.penalty.dual_norm(np.minimum(gradient, 0.0))

    def tangent(self, w: np.ndarray, curvature: float | None = None) -> Penalty:
        """Return the tangent of Ω, of weights that are at least 0."""
        return Nonnegative(self.penalty.tangent(w, curvature))


class UnpenalizedLastRow(Penalty):
    """Ω of all rows but the last, which holds the intercepts.

    Args:
        penalty: Ω.
    """

    def __init__(self, penalty: Penalty) -> None:
        self.penalty, self.parts = penalty, penalty.parts
        self.concave = penalty.concave

    def value(self, w: np.ndarray) -> float:
        """Return Ω of the weights."""
        return self.penalty.value(w[..., :-1, :])

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return the prox of the weights beside the intercepts as they are."""
        new = self.penalty.prox(v[..., :-1, :], step)
        return np.concatenate([new, v[..., -1:, :]], axis=-2)

    def tangent(self, w: np.ndarray, curvature: float | None = None) -> Penalty:
        """Return the tangent of Ω, of the weights."""
        return UnpenalizedLastRow(self.penalty.tangent(w[..., :-1, :], curvature))


def make_penalty(regularizer: Any, columns: int, width: int = 1) -> Penalty:
    """Return a regularizer in the form that is solved fastest.

    Args:
        regularizer: Any that `accepted.check_supported` lets pass; None for no penalty.
        columns: Number of columns of W.
        width: Number of columns of each task, where it matters to the regularizer.
    """
    if regularizer is None or not any(
        getattr(regularizer, name) for name in regularizer.strengths
    ):
        return Whole(regularizers.L2(0.0))
    if isinstance(regularizer, regularizers.Dirty | regularizers.SumSplit):
        return SumSplit(*(make_penalty(part, columns) for part in regularizer.parts))
    if isinstance(regularizer, HasTangents):
        return Concave(regularizer, width)
    norms = regularizer.separable_strengths(columns) if width == 1 else None
    if norms is not None and 0.0 in norms:
        entries, rows = norms
        return RowNorm(rows) if entries == 0 else EntryNorm(entries)
    return Whole(regularizer, width)
