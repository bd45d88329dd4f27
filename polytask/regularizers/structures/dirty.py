"""Mostly shared features, with exceptions per task."""

import math
from typing import Any

from keras import ops

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor, in_single
from polytask.numeric.prox import dirty_threshold
from polytask.regularizers._checks import checked_number
from polytask.regularizers.penalties.l1 import L1
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.structures.l1_inf import L1Inf
from polytask.regularizers.structures.sum_split import split_lambda_max
from polytask.regularizers.structures.task_structure import TaskStructure


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
