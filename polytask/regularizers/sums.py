"""Task structures that split the weights into two parts."""

import math
from typing import Any

from keras import ops

from polytask._checks import (
    checked_count,
    checked_number,
    checked_strength,
)
from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor, in_single
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import dirty_threshold
from polytask.regularizers.entries import L1
from polytask.regularizers.feature_selection import L21, L1Inf, TaskStructure
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.kernels import GroupLasso
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.subspaces import TraceNorm


@polytask_export("polytask.regularizers.SumSplit")
class SumSplit(TaskStructure):
    """min over W = P + Q of Ω₁(P) + Ω₂(Q), where the split has no closed form.

    W stays one kernel. The prox alternates the exact proxes of the parts, with
    momentum and a fixed number of times; the value and `split` come from as many steps
    of Douglas-Rachford splitting. A solver that keeps P and Q apart takes `parts`.

    A subclass defines `parts`.

    Args:
        strength: Strength of the penalty on P, above 0. Defaults to 0.01.
        outlier: Strength of the penalty on Q, above 0. Defaults to 0.01.
        iterations: Number of alternations. Defaults to 50.

    Raises:
        UserError: If a number is out of range.
    """

    has_prox = True
    metric = "scalar"
    may_fail = True
    strengths = ("strength", "outlier")

    def __init__(
        self, strength: float = 0.01, outlier: float = 0.01, iterations: int = 50
    ) -> None:
        owner = type(self).__name__
        self.strength = checked_strength(strength, owner, above=0.0)
        self.outlier = checked_strength(outlier, owner, "outlier", above=0.0)
        self.iterations = checked_count(iterations, "iterations", owner)
        # Made once: in a compiled step a knob has no value that could be checked.
        self._terms = self.parts

    @property
    def parts(self) -> tuple[Regularizer, Regularizer]:
        """The regularizers of P and Q."""
        raise TypeError(f"{type(self).__name__} must define parts.")

    def split(self, w: Any) -> tuple[Tensor, Tensor]:
        """Return the cheapest P and Q with P + Q = W.

        Args:
            w: The stack of the tasks' weights, last axis tasks.

        Returns:
            `(P, Q)`, each of the shape of `w`; the zeros of Q are exact.
        """
        w = in_single(w)
        matrix = as_matrix(ops, w)
        q, _ = self._douglas_rachford(ops, matrix)
        return ops.reshape(matrix - q, w.shape), ops.reshape(q, w.shape)

    def _douglas_rachford(self, xp: Namespace, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return Q, and a common subgradient Y of both parts."""
        first, second = self._terms
        w = xp.stop_gradient(w)
        # The step in the unit of w / Y, so that the iterates are free of scale.
        largest = xp.max(safe_norm(xp, w, (0,)))
        step = xp.where(largest > 0, largest, xp.ones_like(largest))
        step, one = step / self.strength, xp.ones((), dtype=w.dtype)

        def advance(_: Tensor, z: Tensor) -> Tensor:
            p = first._prox(xp, z, step, one)
            return w + z - p - second._prox(xp, w - (2 * p - z), step, one)

        z = xp.fori_loop(0, self.iterations, advance, w)
        p = first._prox(xp, z, step, one)
        return second._prox(xp, w - (2 * p - z), step, one), (z - p) / step

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        first, second = self._terms
        matrix = as_matrix(xp, w)
        q, subgradient = self._douglas_rachford(xp, matrix)
        fixed = xp.stop_gradient(matrix)
        value = first._value(xp, fixed - q) + second._value(xp, q)
        # Adds zero to the value; its gradient is that of the minimum over the split.
        tangent = xp.sum(xp.stop_gradient(subgradient) * (matrix - fixed))
        return xp.stop_gradient(value) + tangent

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        first, second = self._terms
        matrix = as_matrix(xp, w)

        # Alternating the two proxes is a proximal gradient step on P with the step
        # one, so Nesterov's momentum applies.
        def alternate(k: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            p, ahead = state
            q = second._prox(xp, matrix - ahead, step, metric)
            new = first._prox(xp, matrix - q, step, metric)
            k = xp.cast(k, w.dtype)
            return new, new + k / (k + 3) * (new - p)

        zero = xp.zeros_like(matrix)
        p, _ = xp.fori_loop(0, self.iterations, alternate, (zero, zero))
        q = second._prox(xp, matrix - p, step, metric)
        return xp.reshape(p + q, w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        ratio = self.strength / self.outlier
        return split_lambda_max(xp, self._terms, ratio, as_matrix(xp, gradient))


def split_lambda_max(
    xp: Namespace,
    parts: tuple[Regularizer, Regularizer],
    ratio: float,
    gradient: Tensor,
) -> Tensor:
    """Return the λ_max of a penalty that splits the weights into two parts.

    Args:
        xp: A namespace.
        parts: The regularizers of the two.
        ratio: The first strength over the second.
        gradient: Gradient of the loss at zero.

    Returns:
        Scalar tensor, in the unit of the first strength.
    """
    first, second = parts
    unscaled: Tensor = second._lambda_max(xp, gradient)
    return xp.maximum(first._lambda_max(xp, gradient), ratio * unscaled)


@polytask_export("polytask.regularizers.Dirty")
class Dirty(TaskStructure):
    """min over W = P + Q of λ‖P‖₁,∞ + μ‖Q‖₁: the dirty model.

    The minimum over the split is found in closed form, so W stays one kernel and
    `split` shows its parts. Q = 0 if λ ≤ μ, and P = 0 if λ ≥ T·μ with T tasks.

    Args:
        strength: λ of the shared part P, above 0. Defaults to 0.01.
        private: μ of the private part Q, above 0. Defaults to 0.005. Neither may be a
            knob: their ratio decides how many tasks may have exceptions.

    Raises:
        UserError: If a strength is not above 0 or not finite.

    Source:
        Jalali, Ravikumar, Sanghavi and Ruan, "A Dirty Model for Multi-task Learning",
        NIPS 2010.

    Example:
        >>> import numpy as np
        >>> shared, private = Dirty(1.0, private=0.7).split(np.array([[1.0, 1.0, 4.0]]))
        >>> np.asarray(shared).tolist(), np.asarray(private).tolist()
        ([[1.0, 1.0, 1.0]], [[0.0, 0.0, 3.0]])
    """

    has_prox = True
    metric = "scalar"
    strengths = ("strength", "private")

    def __init__(self, strength: float = 0.01, private: float = 0.005) -> None:
        self.strength = checked_number(strength, "strength", "Dirty", above=0.0)
        self.private = checked_number(private, "private", "Dirty", above=0.0)

    @property
    def parts(self) -> tuple[Regularizer, Regularizer]:
        """The regularizers of P and Q."""
        return L1Inf(self.strength), L1(self.private)

    def split(self, w: Any) -> tuple[Tensor, Tensor]:
        """Return the cheapest P and Q with P + Q = W.

        Args:
            w: The stack of the tasks' weights, last axis tasks.

        Returns:
            `(P, Q)`, each of the shape of `w`.
        """
        w = in_single(w)
        size = ops.abs(w)
        shared = ops.sign(w) * ops.minimum(size, self._caps(ops, size))
        return shared, w - shared

    def _caps(self, xp: Namespace, size: Tensor) -> Tensor:
        """Return the largest |P| per row: it may exclude ⌊λ/μ⌋ entries."""
        excluded = math.floor(self.strength / self.private)
        if excluded >= int(size.shape[-1]):
            return xp.zeros_like(size[..., :1])
        falling = xp.flip(xp.sort(size, axis=-1), axis=-1)
        return falling[..., excluded : excluded + 1]

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        size = xp.abs(w)
        caps = self._caps(xp, size)
        above = xp.sum(xp.maximum(size - caps, 0.0))
        return self.strength * xp.sum(caps) + self.private * above

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        step = step / metric
        shared, private = dirty_threshold(
            xp, w, step * self.strength, step * self.private
        )
        return shared + private

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return split_lambda_max(xp, self.parts, self.strength / self.private, gradient)


@polytask_export("polytask.regularizers.RobustL21")
class RobustL21(SumSplit):
    """min over W = P + Q of λ Σ_i ‖pⁱ‖₂ + μ Σ_t ‖q_t‖₂: rMTFL.

    Args:
        strength: λ of the shared rows P, above 0. Defaults to 0.01.
        outlier: μ of the outlier columns Q, above 0. Defaults to 0.01.
        iterations: Number of alternations. Defaults to 50.

    Raises:
        UserError: If a number is out of range.

    Source:
        Gong, Ye and Zhang, "Robust multi-task feature learning", KDD 2012.

    Example:
        >>> import numpy as np
        >>> w = np.array([[3.0, 3.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 2.0]])
        >>> _, outliers = RobustL21(1.0, outlier=1.0).split(w)
        >>> (np.abs(np.asarray(outliers)).sum(axis=0) > 0).tolist()
        [False, False, True]
    """

    # Neither part decomposes a matrix.
    may_fail = False

    @property
    def parts(self) -> tuple[Regularizer, Regularizer]:
        """The regularizers of P and Q."""
        columns = GroupLasso(self.outlier, groups="units", scale_by_size=False)
        return L21(self.strength), columns


@polytask_export("polytask.regularizers.RobustTraceNorm")
class RobustTraceNorm(SumSplit):
    """min over W = P + Q of λ‖P‖_* + μ Σ_t ‖q_t‖₂: find the task that does not belong.

    Q = 0 if μ ≥ λ, and P = 0 if λ ≥ √T·μ with T tasks.

    Args:
        strength: λ of the low-rank part P, above 0. Defaults to 0.01.
        outlier: μ of the outlier columns Q, above 0. Defaults to 0.01.
        iterations: Number of alternations. Defaults to 50.

    Raises:
        UserError: If a number is out of range.

    Source:
        Chen, Zhou and Ye, "Integrating low-rank and group-sparse structures for robust
        multi-task learning", KDD 2011.

    Example:
        >>> import numpy as np
        >>> w = np.outer(np.ones(4), [1.0, 1.0, 1.0, 0.0]) + np.diag([0, 0, 0, 9.0])
        >>> _, outliers = RobustTraceNorm(1.0, outlier=0.7).split(w)
        >>> (np.abs(np.asarray(outliers)).sum(axis=0) > 0).tolist()
        [False, False, False, True]
    """

    @property
    def parts(self) -> tuple[Regularizer, Regularizer]:
        """The regularizers of P and Q."""
        columns = GroupLasso(self.outlier, groups="units", scale_by_size=False)
        return TraceNorm(self.strength), columns


@polytask_export("polytask.regularizers.SparseLowRank")
class SparseLowRank(SumSplit):
    """min over W = P + Q of λ‖P‖_* + μ‖Q‖₁: a common subspace plus exceptions.

    Args:
        strength: λ of the low-rank part P, above 0. Defaults to 0.01.
        outlier: μ of the sparse part Q, above 0. Defaults to 0.01.
        iterations: Number of alternations. Defaults to 50.

    Raises:
        UserError: If a number is out of range.

    Source:
        Chen, Liu and Ye, "Learning Incoherent Sparse and Low-Rank Patterns from
        Multiple Tasks", KDD 2010 (there with a bound on the trace norm).

    Example:
        >>> import numpy as np
        >>> w = np.ones((4, 4)) + np.diag([5.0, 0.0, 0.0, 0.0])
        >>> _, exceptions = SparseLowRank(1.0, outlier=0.4).split(w)
        >>> int((np.asarray(exceptions) != 0).sum())
        1
    """

    @property
    def parts(self) -> tuple[Regularizer, Regularizer]:
        """The regularizers of P and Q."""
        return TraceNorm(self.strength), L1(self.outlier)
