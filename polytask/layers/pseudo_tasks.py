"""Several decoders of one task, as tasks of their own."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export


@polytask_export("polytask.layers.PseudoTasks")
class PseudoTasks(keras.layers.Layer):
    """A head of D dense decoders that begin apart: pseudo-task augmentation.

    Each decoder is a task of its own with the labels of the one, so that the trunk
    learns features that serve all of them. With `polytask.losses.MemberLoss` the loss
    of the task is the mean over its decoders; afterwards `polytask.best_decoders` keeps
    the one that is best on validation rows.

    Args:
        units: Outputs of each decoder.
        decoders: D, at least 1. Default: 3.
        activation: As in `keras.layers.Dense`. Default: none.
        frozen: Whether all decoders but the first stay as they begin (PTA-F). Default:
            False: all learn (PTA-I).
        kernel_initializer: Of each decoder's kernel. Default: `"glorot_uniform"`.
        kernel_regularizer: On the (D, features, units) kernels. Default: none.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: (rows, features).

    Returns:
        (rows, D, units).

    Raises:
        UserError: If a number is below 1.

    Source:
        Meyerson and Miikkulainen, "Pseudo-task Augmentation: From Deep Multitask
        Learning to Intratask Sharing -- and Back", ICML 2018.

    Example:
        >>> PseudoTasks(1, decoders=4)(keras.Input((8,))).shape
        (None, 4, 1)
    """

    def __init__(
        self,
        units: int,
        decoders: int = 3,
        activation: Any = None,
        frozen: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checked_count(units, "units", "PseudoTasks")
        self.decoders = checked_count(decoders, "decoders", "PseudoTasks")
        self.activation = keras.activations.get(activation)
        self.frozen = bool(frozen)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Any) -> None:
        """Make the decoders, each as a dense layer would begin."""
        shape = (input_shape[-1], self.units)

        def apart(whole: Any, dtype: Any = None) -> Any:
            make = self.kernel_initializer
            again = type(make).from_config
            kernels = [make(shape, dtype=dtype)]
            for _ in range(1, self.decoders):
                # A seeded initializer would give the same numbers again.
                config = {**make.get_config(), "seed": None}
                kernels.append(again(config)(shape, dtype=dtype))
            return ops.stack(kernels)

        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.decoders, *shape),
            initializer=apart,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.decoders, self.units), initializer="zeros"
        )

    def call(self, inputs: Any) -> Any:
        """Return what each decoder says."""
        kernel, bias = (ops.convert_to_tensor(v) for v in (self.kernel, self.bias))
        if self.frozen:
            kernel, bias = (
                ops.concatenate([v[:1], ops.stop_gradient(v[1:])])
                for v in (kernel, bias)
            )
        return self.activation(ops.einsum("rf,dfu->rdu", inputs, kernel) + bias)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (rows, decoders, units)."""
        return (input_shape[0], self.decoders, self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "decoders": self.decoders,
            "activation": keras.activations.serialize(self.activation),
            "frozen": self.frozen,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
