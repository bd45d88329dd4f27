"""Shared support with a common bound."""

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.prox.l1_ball import project_l1_ball
from polytask.numeric.prox.l1_inf import max_soft_threshold
from polytask.numeric.prox.simplex import project_simplex
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor
from polytask.regularizers.structures.task_structure import TaskStructure


@polytask_export("polytask.regularizers.L1Inf")
class L1Inf(TaskStructure):
    """λ Σ_i max_t |w_it|: one feature list for all tasks, once paid, free for all.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Turlach, Venables and Wright, "Simultaneous Variable Selection", Technometrics
        2005; Quattoni et al., "An efficient projection for L1,∞ regularization", ICML
        2009.

    Example:
        >>> from keras import ops
        >>> w = L1Inf(2.0).prox(ops.array([[3.0, 1.0, -2.0]]), step=1.0)
        >>> ops.convert_to_numpy(w).tolist()
        [[1.5, 1.0, -1.5]]
    """

    has_prox = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L1Inf")

    def _value(self, w: Tensor) -> Tensor:
        return self.strength * ops.sum(ops.max(ops.abs(w), axis=-1))

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return max_soft_threshold(w, step * self.strength, metric)

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        return ops.max(ops.sum(ops.abs(gradient), axis=-1))

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        # At zero the subdifferential of a row is an L1 ball; elsewhere a simplex on
        # the entries that share the largest absolute value, with their signs.
        one = ops.ones((), dtype=w.dtype)
        wanted = -gradient
        ball = wanted
        if self.strength > 0:
            ball = wanted - project_l1_ball(wanted, self.strength, one)
            size = ops.abs(w)
            top = size == ops.max(size, axis=-1, keepdims=True)
            # Entries below the top must not take part: far below every other key.
            signed = ops.sign(w) * wanted
            floor = ops.min(signed, axis=-1, keepdims=True) - 2 * self.strength
            keys = ops.where(top, signed, floor)
            floor_mass = project_simplex(keys, self.strength, one)
            face = wanted - ops.where(top, ops.sign(w) * floor_mass, 0 * w)
            removed = ops.all(w == 0, axis=-1, keepdims=True)
            ball = ops.where(removed, ball, face)
        return ops.max(ops.abs(ball))
