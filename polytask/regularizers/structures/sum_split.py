"""The contract of a penalty that splits the weights into two parts."""

from typing import Any

from keras import ops

from polytask._export import polytask_export
from polytask.regularizers._checks import checked_count, checked_strength
from polytask.regularizers._tensor import Tensor, in_single, safe_norm
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
        matrix = self._as_matrix(w)
        q, _ = self._douglas_rachford(matrix)
        return ops.reshape(matrix - q, w.shape), ops.reshape(q, w.shape)

    def _douglas_rachford(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return Q, and a common subgradient Y of both parts."""
        first, second = self.parts
        w = ops.stop_gradient(w)
        # The step in the unit of w / Y, so that the iterates are free of scale.
        largest = ops.max(safe_norm(w, (0,)))
        step = ops.where(largest > 0, largest, ops.ones_like(largest))
        step = step / self.strength

        def advance(_: Tensor, z: Tensor) -> Tensor:
            p = first.prox(z, step)
            reflected = w - second.prox(w - (2 * p - z), step)
            return z + reflected - p

        z = ops.fori_loop(0, self.iterations, advance, w)
        p = first.prox(z, step)
        return second.prox(w - (2 * p - z), step), (z - p) / step

    def _value(self, w: Tensor) -> Tensor:
        first, second = self.parts
        matrix = self._as_matrix(w)
        q, subgradient = self._douglas_rachford(matrix)
        fixed = ops.stop_gradient(matrix)
        value = ops.stop_gradient(first(fixed - q) + second(q))
        # Adds zero to the value; its gradient is that of the minimum over the split.
        return value + ops.sum(ops.stop_gradient(subgradient) * (matrix - fixed))

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        first, second = self.parts
        step = step / metric
        matrix = self._as_matrix(w)

        # Alternating the two proxes is a proximal gradient step on P with the step
        # one, so Nesterov's momentum applies.
        def alternate(k: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            p, ahead = state
            q = second.prox(matrix - ahead, step)
            new = first.prox(matrix - q, step)
            k = ops.cast(k, w.dtype)
            return new, new + k / (k + 3) * (new - p)

        zero = ops.zeros_like(matrix)
        p, _ = ops.fori_loop(0, self.iterations, alternate, (zero, zero))
        q = second.prox(matrix - p, step)
        return ops.reshape(p + q, w.shape)

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        first, second = self.parts
        matrix = self._as_matrix(gradient)
        ratio = self.strength / self.outlier
        return ops.maximum(first.lambda_max(matrix), ratio * second.lambda_max(matrix))
