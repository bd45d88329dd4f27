"""Shared support with a common bound."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import max_soft_threshold, project_l1_ball, project_simplex
from polytask.regularizers._checks import checked_strength
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
    is_norm = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L1Inf")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(xp.max(xp.abs(w), axis=-1))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return max_soft_threshold(xp, w, step * self.strength, metric)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(xp.sum(xp.abs(gradient), axis=-1))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        # At zero the subdifferential of a row is an L1 ball; elsewhere a simplex on
        # the entries that share the largest absolute value, with their signs.
        one = xp.ones((), dtype=w.dtype)
        wanted = -gradient
        ball = wanted
        if self.strength > 0:
            ball = wanted - project_l1_ball(xp, wanted, self.strength, one)
            size = xp.abs(w)
            top = size == xp.max(size, axis=-1, keepdims=True)
            # Entries below the top must not take part: far below every other key.
            signed = xp.sign(w) * wanted
            floor = xp.min(signed, axis=-1, keepdims=True) - 2 * self.strength
            keys = xp.where(top, signed, floor)
            floor_mass = project_simplex(xp, keys, self.strength, one)
            face = wanted - xp.where(top, xp.sign(w) * floor_mass, 0.0)
            removed = xp.all(w == 0, axis=-1, keepdims=True)
            ball = xp.where(removed, ball, face)
        return xp.max(xp.abs(ball))
