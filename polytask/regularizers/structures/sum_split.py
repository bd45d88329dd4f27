"""The contract of a penalty that splits the weights into two parts."""

from typing import Any

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor, in_single
from polytask.numeric.norms import safe_norm
from polytask.regularizers._checks import checked_count, checked_strength
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.structures.task_structure import TaskStructure


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
        first, second = self.parts
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
        first, second = self.parts
        matrix = as_matrix(xp, w)
        q, subgradient = self._douglas_rachford(xp, matrix)
        fixed = xp.stop_gradient(matrix)
        value = first._value(xp, fixed - q) + second._value(xp, q)
        # Adds zero to the value; its gradient is that of the minimum over the split.
        tangent = xp.sum(xp.stop_gradient(subgradient) * (matrix - fixed))
        return xp.stop_gradient(value) + tangent

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        first, second = self.parts
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
        return split_lambda_max(xp, self.parts, ratio, as_matrix(xp, gradient))


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
