"""Layers whose kernel is normalized before it is used."""

import inspect
from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError


class KernelNormalization(keras.layers.Wrapper):
    """What `WeightNormalization` and `WeightStandardization` have in common.

    Args:
        layer: A layer with a kernel whose last axis is the outputs.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the layer penalizes its kernel or its activity, or, when it is
            built, has no kernel.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True
        for name in ("kernel_regularizer", "kernel_constraint", "activity_regularizer"):
            if getattr(layer, name, None) is not None:
                raise UserError(
                    f'{type(self).__name__} "{self.name}": the layer has a {name}; the '
                    "size of its kernel is normalized away, so that there is nothing "
                    "to penalize. Penalize the gain, or the activity in a layer behind."
                )

    def build(self, input_shape: Any) -> None:
        """Build the layer."""
        super().build(input_shape)
        if not isinstance(getattr(self.layer, "kernel", None), keras.Variable):
            raise UserError(
                f'{type(self).__name__} "{self.name}": '
                f"{type(self.layer).__name__} has no kernel to normalize."
            )

    def normalized(self, kernel: Any) -> Any:
        """Return the kernel that the layer computes with.

        Args:
            kernel: The float32 kernel (..., outputs).
        """
        raise TypeError(f"{type(self).__name__} must define normalized(kernel).")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return what the layer does with the normalized kernel."""
        kernel = self.layer.kernel
        value = ops.cast(ops.convert_to_tensor(kernel), "float32")
        used = {id(kernel): ops.cast(self.normalized(value), kernel.dtype)}
        parts = [
            [used.get(id(v), ops.convert_to_tensor(v)) for v in variables]
            for variables in (
                self.layer.trainable_variables,
                self.layer.non_trainable_variables,
            )
        ]
        trains = "training" in inspect.signature(self.layer.call).parameters
        options = {"training": training} if trains else {}
        outputs, states = self.layer.stateless_call(*parts, inputs, **options)
        for variable, state in zip(
            self.layer.non_trainable_variables, states, strict=True
        ):
            if variable is not kernel:
                variable.assign(state)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the layer's output shape."""
        return self.layer.compute_output_shape(input_shape)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Return the layer that `get_config` described; the dict stays as it is."""
        return super().from_config(dict(config), custom_objects=custom_objects)


@polytask_export("polytask.layers.WeightNormalization")
class WeightNormalization(KernelNormalization):
    """w = g v/‖v‖ for each output unit: length and direction learn apart.

    The kernel of the layer is v, and starts as it would without this. In a
    `MultiTaskModel` v does not decay, which would change nothing but the size of the
    steps. A penalty belongs to the length g: an L1 penalty on it removes whole units.

    Args:
        layer: A layer with a kernel whose last axis is the outputs, such as `Dense` or
            `Conv2D`.
        gain_regularizer: Penalty on g, as `kernel_regularizer` of Keras.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the layer penalizes its kernel or its activity, or, when it is
            built, has no kernel.

    Source:
        Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to
        Accelerate Training of Deep Neural Networks", NIPS 2016.

    Example:
        >>> layer = WeightNormalization(keras.layers.Dense(3))
        >>> layer(keras.Input((8,))).shape
        (None, 3)
    """

    def __init__(
        self, layer: keras.layers.Layer, gain_regularizer: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(layer, **kwargs)
        self.gain_regularizer = keras.regularizers.get(gain_regularizer)

    def build(self, input_shape: Any) -> None:
        """Build the layer, and a gain that leaves its kernel as it is."""
        super().build(input_shape)
        kernel = self.layer.kernel
        self.gain = self.add_weight(
            name="gain",
            shape=(kernel.shape[-1],),
            initializer=lambda shape, dtype=None: ops.cast(_norms(kernel), dtype),
            regularizer=self.gain_regularizer,
        )

    def normalized(self, kernel: Any) -> Any:
        """Return g v/‖v‖."""
        return kernel * (ops.cast(self.gain, "float32") / _norms(kernel))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "gain_regularizer": keras.regularizers.serialize(self.gain_regularizer),
        }


@polytask_export("polytask.layers.WeightStandardization")
class WeightStandardization(KernelNormalization):
    """w = (v - mean)/√(variance + ε) for each output unit, in front of a normalization.

    The kernel of the layer is v. As every unit has about as many weights of size 1 as
    inputs, the outputs are large: a normalization such as
    `keras.layers.GroupNormalization` belongs behind the layer. In a `MultiTaskModel` v
    does not decay.

    Args:
        layer: A layer with a kernel whose last axis is the outputs, such as `Conv2D`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the layer penalizes its kernel or its activity, or, when it is
            built, has no kernel.

    Source:
        Qiao, Wang, Liu, Shen and Yuille, "Micro-Batch Training with Batch-Channel
        Normalization and Weight Standardization", 2019.

    Example:
        >>> layer = WeightStandardization(keras.layers.Conv2D(4, 3))
        >>> layer(keras.Input((8, 8, 2))).shape
        (None, 6, 6, 4)
    """

    def normalized(self, kernel: Any) -> Any:
        """Return the standardized kernel."""
        axes = tuple(range(len(kernel.shape) - 1))
        mean = ops.mean(kernel, axis=axes, keepdims=True)
        variance = ops.var(kernel, axis=axes, keepdims=True)
        return (kernel - mean) * ops.rsqrt(variance + 1e-5)


def _norms(kernel: Any) -> Any:
    """Return the length of each output unit's weights; 1 where all are zero."""
    kernel = ops.convert_to_tensor(kernel)
    squares = ops.sum(ops.square(kernel), axis=tuple(range(len(kernel.shape) - 1)))
    return ops.sqrt(ops.where(squares > 0, squares, ops.ones_like(squares)))
