"""L1 with a strength of each weight's own."""

from typing import Any

import numpy as np

from polytask._checks import checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.knob import to_config
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import soft_threshold
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.WeightedL1")
class WeightedL1(Regularizer):
    """λ Σ aᵢ |wᵢ|: what has a large a becomes exactly zero first.

    The a come from earlier weights, as in the adaptive lasso, aᵢ = 1 / |w⁰ᵢ|, or are
    learned, as by `polytask.meta.learn_regularizer`.

    Args:
        weights: a, an array of the shape of w, at least 0. It is stored in the model's
            configuration.
        strength: λ, at least 0. Defaults to 1.

    Raises:
        UserError: If a number is out of range, or w has another shape than a.

    Source:
        Zou, "The Adaptive Lasso and Its Oracle Properties", JASA 2006; Balaji,
        Sankaranarayanan and Chellappa, "MetaReg", NeurIPS 2018.

    Example:
        >>> float(WeightedL1([1.0, 0.5])([3.0, -2.0]))
        4.0
    """

    has_prox = True

    def __init__(self, weights: Any, strength: float = 1.0) -> None:
        self.strength = checked_strength(strength, "WeightedL1")
        self.weights = np.asarray(weights, dtype="float32")
        if not np.all(np.isfinite(self.weights) & (self.weights >= 0)):
            raise UserError("WeightedL1: weights must be finite and at least 0.")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "weights": self.weights.tolist(),
            "strength": to_config(self.strength),
        }

    def __repr__(self) -> str:
        return f"WeightedL1(strength={self.strength!r}, shape={self.weights.shape})"

    def _lambdas(self, xp: Namespace, w: Tensor) -> Tensor:
        if tuple(w.shape) != self.weights.shape:
            raise UserError(
                f"WeightedL1: the variable has the shape {tuple(w.shape)}, the "
                f"weights of its entries have {self.weights.shape}; they must be equal."
            )
        return self.strength * xp.convert_to_tensor(self.weights, dtype=w.dtype)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return xp.sum(self._lambdas(xp, w) * xp.abs(w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return soft_threshold(xp, w, step * self._lambdas(xp, w) / metric)
