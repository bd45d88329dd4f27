"""The contract that every penalty, projection and task structure keeps."""

import inspect
from typing import Any, Literal

import keras
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.knob import to_config
from polytask.regularizers._tensor import Tensor, as_float_tensor, in_single

_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@polytask_export("polytask.regularizers.Regularizer")
class Regularizer(keras.regularizers.Regularizer):
    """A penalty Ω with a value, a gradient and, where one exists, a prox.

    In any Keras model it is a plain `kernel_regularizer=` and acts through the
    gradient of its value. Inside `polytask.MultiTaskModel` a penalty with a prox
    becomes an exact proximal step after the optimizer's update, so that its zeros
    are exactly zero.

    A subclass implements `_value`, and `_prox`, `_lambda_max` and `_distance` where
    they exist; the public methods convert and check their arguments, and compute in
    single precision where half precision is given.

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

    def __call__(self, x: Any) -> Tensor:
        """Return the value of the penalty.

        Args:
            x: The weights: a tensor, array or `keras.Variable`.

        Returns:
            Scalar tensor in the dtype of the weights.
        """
        x = as_float_tensor(x)
        return ops.cast(self._value(in_single(x)), x.dtype)

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
        given = as_float_tensor(w)
        w = in_single(given)
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
        return ops.cast(self._prox(w, step, metric), given.dtype)

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
        return self._lambda_max(in_single(gradient_at_zero))

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
        return self._distance(w, ops.cast(gradient, w.dtype))

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

    def _value(self, w: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define _value(w).")

    def _prox(self, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define _prox(w, step, metric).")

    def _lambda_max(self, gradient: Tensor) -> Tensor:
        raise UserError(
            f"{type(self).__name__} has no lambda_max: no finite strength makes all "
            "weights exactly zero."
        )

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        if not self.has_prox:
            raise UserError(
                f"{type(self).__name__} has neither a closed-form subdifferential "
                "nor a prox, so its distance to optimality cannot be measured."
            )
        return ops.max(ops.abs(w - self.prox(w - gradient, 1.0)))
