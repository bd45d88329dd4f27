"""The contract that every penalty, projection and task structure keeps."""

import inspect
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.knob import to_config
from polytask.numeric.namespace import (
    Namespace,
    Tensor,
    as_float_tensor,
    in_single,
    kernel_namespace,
)

_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@polytask_export("polytask.regularizers.Regularizer")
class Regularizer(keras.regularizers.Regularizer):
    """A penalty Ω with a value, a gradient and, where one exists, a prox.

    In any Keras model it is a plain `kernel_regularizer=` and acts through the
    gradient of its value. Inside `polytask.MultiTaskModel` a penalty with a prox
    becomes an exact proximal step after the optimizer's update, so that its zeros
    are exactly zero.

    A subclass implements `_value`, and `_prox`, `_lambda_max` and `_distance` where
    they exist: pure functions of a namespace `xp`, which is `keras.ops`, or NumPy for
    `polytask.linear` in double precision. The public methods convert and check their
    arguments, and compute in single precision where half precision is given.

    Attributes:
        has_prox: Whether `prox` is available.
        metric: The metric that `prox` accepts: `"diagonal"`, a tensor of the shape
            of the weights (or a scalar); `"scalar"`, one number per tensor.
        smooth: Whether Ω is differentiable, so that training by its gradient is
            exact and no prox is needed.
        prox_only: Whether the gradient says nothing, as that of a projection, so that
            it needs a prox to act at all.
        may_fail: Whether the prox can be NaN where the weights are finite, as that of a
            decomposition that does not converge. `MultiTaskModel` then looks at it and
            leaves such a step out.
        strengths: Names of the constructor's arguments that scale Ω together; each may
            be a `polytask.Knob`, unless the class says otherwise.
        is_norm: Whether Ω is a norm whose dual norm is known: λ_max, over the first
            strength.

    Example:
        >>> import keras, polytask
        >>> penalty = polytask.regularizers.L1(0.1)
        >>> layer = keras.layers.Dense(2, kernel_regularizer=penalty)
    """

    has_prox: bool = False
    metric: Literal["diagonal", "scalar"] = "diagonal"
    smooth: bool = False
    prox_only: bool = False
    may_fail: bool = False
    strengths: tuple[str, ...] = ("strength",)
    is_norm: bool = False

    def __call__(self, x: Any) -> Tensor:
        """Return the value of the penalty.

        Args:
            x: The weights: a tensor, array or `keras.Variable`.

        Returns:
            Scalar tensor in the dtype of the weights.
        """
        x = as_float_tensor(x)
        w = in_single(x)
        return ops.cast(self._value(kernel_namespace(w), w), x.dtype)

    def prox(self, w: Any, step: Any, metric: Any = None) -> Tensor:
        """Return argmin over v of ½(v - w)ᵀD(v - w) + step · Ω(v).

        Args:
            w: The weights after the optimizer's update.
            step: The learning rate, a number or scalar tensor, at least 0.
            metric: The diagonal D > 0 of the optimizer's metric, of the shape of the
                weights, or a scalar; None for 1.

        Returns:
            The new weights, in their dtype. What the penalty removes is exactly 0.0.

        Raises:
            UserError: If the penalty has no prox, or none in this metric.
        """
        if not self.has_prox:
            raise UserError(
                f"{type(self).__name__} has no closed-form prox; train it through "
                'its gradient (penalties="gradient").'
            )
        weights = as_float_tensor(w)
        w = in_single(weights)
        step = ops.cast(step, w.dtype)
        metric = ops.cast(1.0 if metric is None else metric, w.dtype)
        if len(metric.shape) and self.metric == "scalar":
            raise UserError(
                f"{type(self).__name__}: the prox exists in a scalar metric only; "
                f"found a metric of shape {tuple(metric.shape)}. Pass one number."
            )
        if len(metric.shape) and tuple(metric.shape) != tuple(w.shape):
            raise UserError(
                f"{type(self).__name__}: the metric must be a scalar or have the "
                f"shape {tuple(w.shape)} of the weights; found {tuple(metric.shape)}."
            )
        xp = kernel_namespace(w, step, metric)
        return ops.cast(self._prox(xp, w, step, metric), weights.dtype)

    def lambda_max(self, gradient_at_zero: Any) -> Tensor:
        """Return the smallest strength at which all weights zero is optimal.

        For a norm this is the dual norm of the loss gradient at zero, and a useful
        strength is a fraction of it. A penalty with several strengths keeps their
        ratio, and the number returned belongs to the first of them.

        Args:
            gradient_at_zero: Gradient of the loss (without the penalty) at w = 0.

        Returns:
            Scalar tensor, in single precision at least.

        Raises:
            UserError: If no finite strength makes zero optimal.
        """
        gradient = in_single(gradient_at_zero)
        critical = self._lambda_max(kernel_namespace(gradient), gradient)
        if critical is None:
            raise UserError(
                f"{type(self).__name__} has no lambda_max: no finite strength makes "
                "all weights exactly zero."
            )
        return critical

    def distance_to_optimality(self, w: Any, gradient: Any) -> Tensor:
        """Return how far -gradient is from the subdifferential of Ω at w.

        Zero exactly where `w` minimizes loss + Ω (for convex Ω). The distance is the
        largest over entries, and Euclidean within a group of weights that the
        penalty treats as one. A penalty whose subdifferential has no closed form
        returns the largest entry of a unit proximal gradient step instead, which
        vanishes at the same points.

        Args:
            w: The weights.
            gradient: Gradient of the loss (without the penalty) at `w`.

        Returns:
            Scalar tensor, in the unit of the gradient and in single precision at least.

        Raises:
            UserError: If the penalty is not smooth and has no prox.
        """
        w = in_single(w)
        gradient = ops.cast(gradient, w.dtype)
        return self._distance(kernel_namespace(w, gradient), w, gradient)

    def rescaled(self, factor: float) -> "Regularizer":
        """Return a copy with every strength multiplied by `factor`.

        Args:
            factor: A number of at least 0.

        Returns:
            A new regularizer of the same class.
        """
        config = self.get_config()
        for name in self.strengths:
            config[name] = float(getattr(self, name)) * float(factor)
        copy: Regularizer = type(self).from_config(config)
        return copy

    def without_ridge(self) -> tuple["Regularizer", float]:
        """Return Ω without the ridge in it, and the μ of that ridge (μ/2)‖W‖².

        The smooth part can go to the loss, and what is left may be a norm.

        Returns:
            `(rest, μ)`, with Ω = rest + (μ/2)‖W‖².
        """
        return self, 0.0

    def task_matrix(self, num_tasks: int) -> np.ndarray | None:
        """Return the M of Ω(W) = ½ tr(W M Wᵀ), for a stack W of so many tasks.

        Args:
            num_tasks: The size of the last axis of W.

        Returns:
            Symmetric matrix (tasks, tasks); None where Ω is not of that form.
        """
        return None

    def separable_strengths(self, num_tasks: int) -> tuple[float, float] | None:
        """Return the μ and λ of Ω(W) = μ Σ|w| + λ Σ_i ‖wⁱ‖₂, a sum over the rows of W.

        Args:
            num_tasks: The size of the last axis of W.

        Returns:
            `(μ, λ)`; None where Ω is not of that form.
        """
        return None

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        arguments = inspect.signature(type(self).__init__).parameters.values()
        return {
            argument.name: to_config(getattr(self, argument.name))
            for argument in arguments
            if argument.name != "self" and argument.kind not in _OPEN
        }

    def __repr__(self) -> str:
        config = self.get_config()
        arguments = ", ".join(f"{k}={getattr(self, k, config[k])!r}" for k in config)
        return f"{type(self).__name__}({arguments})"

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define _value(xp, w).")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        raise TypeError(
            f"{type(self).__name__} must define _prox(xp, w, step, metric)."
        )

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor | None:
        """Return None where no finite strength makes all weights zero."""
        return None

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        if not self.has_prox:
            raise UserError(
                f"{type(self).__name__} has neither a closed-form subdifferential "
                "nor a prox, so its distance to optimality cannot be measured."
            )
        one = xp.ones((), dtype=w.dtype)
        return xp.max(xp.abs(w - self._prox(xp, w - gradient, one, one)))
