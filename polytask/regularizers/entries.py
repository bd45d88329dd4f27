"""Penalties of single weights."""

from typing import Any

import numpy as np

from polytask._checks import checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.knob import Knob, to_config
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import (
    elastic_net,
    hard_threshold,
    soft_threshold,
)
from polytask.regularizers.groups import entry_distances
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.L0")
class L0(Regularizer):
    """λ · (number of non-zero weights): hard threshold, magnitude pruning.

    The gradient of the value is zero everywhere, so this penalty acts only where its
    prox runs, inside `polytask.MultiTaskModel`. A weight stays while its square
    exceeds 2 · step · λ.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Blumensath and Davies, "Iterative Thresholding for Sparse Approximations",
        J. Fourier Anal. Appl. 2008.

    Example:
        >>> from keras import ops
        >>> w = L0(0.5).prox(ops.array([0.9, -1.1]), step=1.0)
        >>> [round(x, 2) for x in ops.convert_to_numpy(w).tolist()]
        [0.0, -1.1]
    """

    has_prox = True
    prox_only = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L0")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(xp.cast(w != 0, w.dtype))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return hard_threshold(xp, w, step * self.strength / metric)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        # Every gradient is a limiting subgradient at zero; elsewhere Ω is flat.
        return xp.max(xp.where(w == 0, xp.zeros_like(w), xp.abs(gradient)))


@polytask_export("polytask.regularizers.L1")
class L1(Regularizer):
    """λ Σ|w|: single weights become exactly zero (lasso).

    Args:
        strength: λ, at least 0. Defaults to 0.01, as in Keras; 1e-5 to 1e-3 is usual
            for deep networks.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Tibshirani, "Regression Shrinkage and Selection via the Lasso", JRSS-B 1996.

    Example:
        >>> from keras import ops
        >>> w = L1(1.0).prox(ops.array([3.0, -0.5, 1.0, -2.0]), step=0.75)
        >>> ops.convert_to_numpy(w).tolist()
        [2.25, 0.0, 0.25, -1.25]
    """

    has_prox = True
    is_norm = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L1")

    def separable_strengths(self, num_tasks: int) -> tuple[float, float]:
        """Return λ for the entries."""
        return self.strength, 0.0

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(xp.abs(w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return soft_threshold(xp, w, step * self.strength / metric)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(xp.abs(gradient))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        return xp.max(entry_distances(xp, w, gradient, self.strength))


@polytask_export("polytask.regularizers.L2")
class L2(Regularizer):
    """(λ/2) Σw²: all weights shrink, none becomes zero (ridge).

    Note the ½: `L2(λ)` equals `keras.regularizers.L2(λ / 2)`.

    Args:
        strength: λ, at least 0. Defaults to 0.01; 1e-5 to 1e-3 is usual for deep
            networks.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Hoerl and Kennard, "Ridge Regression", Technometrics 1970; Krogh and Hertz,
        "A Simple Weight Decay Can Improve Generalization", NIPS 1991.

    Example:
        >>> float(L2(1.0)([3.0, 4.0]))
        12.5
    """

    has_prox = True
    smooth = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L2")

    def task_matrix(self, num_tasks: int) -> np.ndarray:
        """Return λ I."""
        return self.strength * np.eye(num_tasks)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return 0.5 * self.strength * xp.sum(xp.square(w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return metric * w / (metric + step * self.strength)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        return xp.max(xp.abs(gradient + self.strength * w))


@polytask_export("polytask.regularizers.ElasticNet")
class ElasticNet(Regularizer):
    """λ₁ Σ|w| + (λ₂/2) Σw²: zeros, but correlated inputs stay together.

    Note the ½: `ElasticNet(a, b)` equals `keras.regularizers.L1L2(a, b / 2)`.

    Args:
        l1: λ₁, at least 0. Defaults to 0.01.
        l2: λ₂, at least 0. Defaults to 0.01.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Zou and Hastie, "Regularization and Variable Selection via the Elastic Net",
        JRSS-B 2005.

    Example:
        >>> from keras import ops
        >>> w = ElasticNet(1.0, 1.0).prox(ops.array([3.0, -0.5, 1.0, -2.0]), step=1.0)
        >>> ops.convert_to_numpy(w).tolist()
        [1.0, 0.0, 0.0, -0.5]
    """

    has_prox = True
    strengths = ("l1", "l2")

    def __init__(self, l1: float = 0.01, l2: float = 0.01) -> None:
        self.l1 = checked_strength(l1, "ElasticNet", "l1")
        self.l2 = checked_strength(l2, "ElasticNet", "l2")
        # A knob may leave zero later.
        self.smooth = not isinstance(self.l1, Knob) and self.l1 == 0

    def without_ridge(self) -> tuple[Regularizer, float]:
        """Return the lasso, and λ₂."""
        return L1(self.l1), self.l2

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.l1 * xp.sum(xp.abs(w)) + 0.5 * self.l2 * xp.sum(xp.square(w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return elastic_net(xp, w, step * self.l1 / metric, step * self.l2 / metric)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(xp.abs(gradient))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        return xp.max(entry_distances(xp, w, gradient + self.l2 * w, self.l1))


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
