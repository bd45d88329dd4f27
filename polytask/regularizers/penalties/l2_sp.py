"""Ridge toward a reference: L2-SP and elastic weight consolidation."""

from typing import Any

import numpy as np

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.knob import to_config
from polytask.numeric.namespace import Namespace, Tensor
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.L2SP")
class L2SP(Regularizer):
    """(λ/2) Σ F (w - w⁰)²: stay near the weights of an earlier model.

    With F = 1 this is L2-SP for fine-tuning; with F the Fisher information of the old
    tasks it is elastic weight consolidation.

    Args:
        reference: w⁰, an array of the shape of the weights. It is stored in the
            model's configuration.
        strength: λ, at least 0. Defaults to 0.01.
        importance: F, an array of the same shape, at least 0; None for 1.

    Raises:
        UserError: If a number is out of range or the shapes differ.

    Source:
        Li, Grandvalet and Davoine, "Explicit Inductive Bias for Transfer Learning
        with Convolutional Networks", ICML 2018; Kirkpatrick et al., "Overcoming
        catastrophic forgetting in neural networks", PNAS 2017.

    Example:
        >>> float(L2SP([1.0, 2.0], strength=1.0)([3.0, 2.0]))
        2.0
    """

    has_prox = True
    smooth = True

    def __init__(
        self, reference: Any, strength: float = 0.01, importance: Any = None
    ) -> None:
        self.strength = checked_strength(strength, "L2SP")
        self.reference = np.asarray(reference, dtype="float32")
        self.importance = np.asarray(
            1.0 if importance is None else importance, dtype="float32"
        )
        if not np.all(np.isfinite(self.reference)):
            raise UserError("L2SP: reference has entries that are not finite.")
        if not np.all(np.isfinite(self.importance) & (self.importance >= 0)):
            raise UserError("L2SP: importance must be finite and at least 0.")
        if self.importance.shape not in ((), self.reference.shape):
            raise UserError(
                f"L2SP: importance has the shape {self.importance.shape}, reference "
                f"has {self.reference.shape}; they must be equal."
            )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        uniform = self.importance.shape == () and self.importance == 1
        return {
            "reference": self.reference.tolist(),
            "strength": to_config(self.strength),
            "importance": None if uniform else self.importance.tolist(),
        }

    def __repr__(self) -> str:
        return f"L2SP(strength={self.strength!r}, shape={self.reference.shape})"

    def _tensors(self, xp: Namespace, w: Tensor) -> tuple[Tensor, Tensor]:
        if tuple(w.shape) != self.reference.shape:
            raise UserError(
                f"L2SP: the weights have the shape {tuple(w.shape)}, the reference "
                f"has {self.reference.shape}; they must be equal."
            )
        reference = xp.convert_to_tensor(self.reference, dtype=w.dtype)
        importance = xp.convert_to_tensor(self.importance, dtype=w.dtype)
        return reference, self.strength * importance

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        reference, weights = self._tensors(xp, w)
        return 0.5 * xp.sum(weights * xp.square(w - reference))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        reference, weights = self._tensors(xp, w)
        pull = step * weights
        return (metric * w + pull * reference) / (metric + pull)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        reference, weights = self._tensors(xp, w)
        return xp.max(xp.abs(gradient + weights * (w - reference)))
