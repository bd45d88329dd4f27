"""A head of normalized values whose predictions survive a new normalization."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.PopArt")
class PopArt(ConfiguredLayer, keras.layers.Dense):
    """A linear layer for targets whose scale is unknown and changes in training.

    The layer predicts n = (y − μ) / σ, so that every task's squared error has the same
    scale whatever its targets are, such as the returns of several games. `update` moves
    μ and σ toward the moments of new targets, and with them the kernel and the bias, so
    that σ n + μ stays what it was for every input: with μ* and σ* the new ones,
    W ← W σ / σ* and b ← (σ b + μ − μ*) / σ*. What the layer has learned is not
    disturbed by what it has yet to learn.

    Train its output on `normalize(targets)`, and read `denormalize(outputs)`. In the
    policy gradient of a task, advantages divided by `scale` have the scale of every
    other task's.

    Args:
        units: Outputs, each with moments of its own. Default: 1.
        step_size: How far an update moves the moments, above 0 and at most 1, where
            they are those of the last targets. Default: 3e-4, the paper's.
        scale_bounds: Smallest and largest σ. Default: (1e-4, 1e6), the paper's.
        **kwargs: Arguments of `keras.layers.Dense` other than `activation` and
            `use_bias`.

    Raises:
        UserError: If an argument is out of range, an activation is given, the bias is
            left out, or targets have another number of units.

    Source:
        van Hasselt, Guez, Hessel, Mnih, Silver, "Learning values across many orders of
        magnitude", NIPS 2016; for several tasks: Hessel, Soyer, Espeholt, Czarnecki,
        Schmitt, van Hasselt, "Multi-task Deep Reinforcement Learning with PopArt",
        AAAI 2019.

    Example:
        >>> import numpy as np
        >>> head = PopArt(step_size=0.5)
        >>> x = np.ones((2, 3), "float32")
        >>> before = head.denormalize(head(x))
        >>> head.update(np.array([[90.0], [110.0]]))
        >>> bool(ops.all(ops.abs(head.denormalize(head(x)) - before) < 1e-4))
        True
    """

    def __init__(
        self,
        units: int = 1,
        step_size: float = 3e-4,
        scale_bounds: tuple[float, float] = (1e-4, 1e6),
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        self.step_size = checked_number(
            step_size, "step_size", "PopArt", above=0.0, at_most=1.0
        )
        if not isinstance(scale_bounds, list | tuple) or len(scale_bounds) != 2:
            raise UserError(
                "PopArt: scale_bounds must be the smallest and the largest scale; "
                f"found {scale_bounds!r}."
            )
        low = checked_number(scale_bounds[0], "scale_bounds[0]", "PopArt", above=0.0)
        high = checked_number(scale_bounds[1], "scale_bounds[1]", "PopArt", above=low)
        self.scale_bounds = (low, high)
        if self.activation is not keras.activations.linear or not self.use_bias:
            raise UserError(
                "PopArt is linear with a bias, which takes in what the normalization "
                "changes; leave out `activation` and `use_bias`."
            )

    def build(self, input_shape: Any) -> None:
        """Create kernel, bias and moments."""
        super().build(input_shape)
        moments = {
            name: self.add_weight(
                name=name,
                shape=(self.units,),
                initializer=initializer,
                trainable=False,
                autocast=False,
                dtype="float32",
            )
            for name, initializer in (("mean", "zeros"), ("variance", "ones"))
        }
        self.mean, self.variance = moments["mean"], moments["variance"]

    @property
    def scale(self) -> Any:
        """σ, within its bounds, of shape (units,)."""
        return self._scale_of(ops.convert_to_tensor(self.variance))

    def normalize(self, targets: Any) -> Any:
        """Return (targets − μ) / σ, what the layer is to predict.

        Args:
            targets: (..., units); NaN, a missing target, stays NaN.
        """
        return (self._checked(targets) - self.mean) / self.scale

    def denormalize(self, outputs: Any) -> Any:
        """Return σ outputs + μ, in the units of the targets.

        Args:
            outputs: (..., units).
        """
        return self._checked(outputs) * self.scale + self.mean

    def update(self, targets: Any) -> None:
        """Move the moments toward those of new targets, and keep what is predicted.

        Works eagerly and in compiled functions, on JAX under a `keras.StatelessScope`.
        The optimizer's own moments of the kernel stay as they are.

        Args:
            targets: (..., units), not normalized. NaN is a missing target; a unit
                without any target stays as it is.
        """
        y = ops.reshape(self._checked(targets), (-1, self.units))
        there = ops.logical_not(ops.isnan(y))
        count = ops.sum(ops.cast(there, "float32"), axis=0)
        rows = ops.maximum(count, 1.0)
        zero = ops.zeros_like(y)
        batch_mean = ops.sum(ops.where(there, y, zero), axis=0) / rows
        deviation = ops.where(there, y - batch_mean, zero)
        batch_variance = ops.sum(deviation**2, axis=0) / rows
        rate = ops.where(count > 0, self.step_size, 0.0)
        mean, variance = map(ops.convert_to_tensor, (self.mean, self.variance))
        shift = rate * (batch_mean - mean)
        # The paper's E[y²] − μ², without the difference of two large numbers.
        spread = variance + shift * (batch_mean - mean)
        moved = (1.0 - rate) * spread + rate * batch_variance
        old, new = self._scale_of(variance), self._scale_of(moved)
        kernel = ops.stop_gradient(ops.convert_to_tensor(self.kernel))
        bias = ops.stop_gradient(ops.convert_to_tensor(self.bias))
        self.kernel.assign(ops.cast(kernel * (old / new), self.kernel.dtype))
        self.bias.assign(ops.cast((old * bias - shift) / new, self.bias.dtype))
        self.mean.assign(mean + shift)
        self.variance.assign(moved)

    def save_own_variables(self, store: Any) -> None:
        """Store the moments beside kernel and bias, the only ones that Dense stores."""
        super(keras.layers.Dense, self).save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` stored."""
        super(keras.layers.Dense, self).load_own_variables(store)

    def _scale_of(self, variance: Any) -> Any:
        return ops.clip(ops.sqrt(variance), *self.scale_bounds)

    def _checked(self, values: Any) -> Any:
        if not self.built:
            raise UserError(
                f'PopArt "{self.name}" has no moments yet: call it, or build it, first.'
            )
        values = ops.cast(ops.convert_to_tensor(values), "float32")
        if len(values.shape) < 1 or values.shape[-1] != self.units:
            raise UserError(
                f'PopArt "{self.name}" has {self.units} units; found values of shape '
                f"{tuple(values.shape)}, which do not end in as many."
            )
        return values
