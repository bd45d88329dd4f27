"""Several decoders of one task, as tasks of their own."""

from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.PseudoTasks")
class PseudoTasks(ConfiguredLayer):
    """A head of D dense decoders that begin apart: pseudo-task augmentation.

    Each decoder is a task of its own with the labels of the one, so that the trunk
    learns features that serve all of them. With `polytask.losses.MemberLoss` the loss
    of the task is the mean over its decoders; afterwards `polytask.best_decoders` keeps
    the one that is best on validation rows. `polytask.callbacks.PseudoTaskControl`
    moves them apart while they train.

    Args:
        units: Outputs of each decoder.
        decoders: D, at least 1. Default: 3.
        activation: As in `keras.layers.Dense`. Default: none.
        frozen: Whether all decoders but the first stay as they begin (PTA-F). Default:
            False: all learn (PTA-I).
        dropout: Rate of the dropout that each decoder has of its own in front of it
            (PTA-D), in [0, 1). Default: None: there is none.
        seed: Seed of the dropout, or None.
        kernel_initializer: Of each decoder's kernel. Default: `"glorot_uniform"`.
        kernel_regularizer: On the (D, features, units) kernels. Default: none.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: (rows, features).

    Returns:
        (rows, D, units).

    Raises:
        UserError: If a number is below 1, or the rate out of range.

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
        dropout: float | None = None,
        seed: int | None = None,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checked_count(units, "units", "PseudoTasks")
        self.decoders = checked_count(decoders, "decoders", "PseudoTasks")
        self.activation = keras.activations.get(activation)
        self.frozen = bool(frozen)
        self.dropout = dropout
        if dropout is not None:
            self.dropout = checked_number(
                dropout, "dropout", "PseudoTasks", at_least=0.0, below=1.0
            )
        self.seed = seed
        if dropout is not None:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Any) -> None:
        """Make the decoders, each as a dense layer would begin."""
        shape = (input_shape[-1], self.units)
        make = self.kernel_initializer
        config = make.get_config()
        if "seed" in config:
            # A seeded initializer would give the same numbers again.
            config["seed"] = None
        again = type(make).from_config(config)

        def apart(whole: Any, dtype: Any = None) -> Any:
            others = [again(shape, dtype=dtype) for _ in range(whole[0] - 1)]
            return ops.stack([make(shape, dtype=dtype), *others])

        def others(whole: Any, dtype: Any = None) -> Any:
            return ops.stack([again(shape, dtype=dtype) for _ in range(whole[0])])

        learned = 1 if self.frozen else self.decoders
        self.kernel = self.add_weight(
            name="kernel",
            shape=(learned, *shape),
            initializer=apart,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(learned, self.units), initializer="zeros"
        )
        self.frozen_kernel = self.rates = None
        if learned < self.decoders:
            # No weight of a step's: decay and penalties leave it as it is.
            self.frozen_kernel = self.add_weight(
                name="frozen_kernel",
                shape=(self.decoders - 1, *shape),
                initializer=others,
                trainable=False,
            )
        if self.dropout is not None:
            self.rates = self.add_weight(
                name="rates",
                shape=(self.decoders,),
                initializer=keras.initializers.Constant(self.dropout),
                trainable=False,
            )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return what each decoder says."""
        kernel, bias = (ops.convert_to_tensor(v) for v in (self.kernel, self.bias))
        if self.frozen_kernel is not None:
            still = ops.convert_to_tensor(self.frozen_kernel)
            kernel = ops.concatenate([kernel, ops.cast(still, kernel.dtype)])
            zeros = ops.zeros((self.decoders - 1, self.units), bias.dtype)
            bias = ops.concatenate([bias, zeros])
        if self.rates is None or not training:
            said = ops.einsum("rf,dfu->rdu", inputs, kernel)
        else:
            rates = ops.cast(ops.convert_to_tensor(self.rates), "float32")[:, None]
            shape = (ops.shape(inputs)[0], self.decoders, inputs.shape[-1])
            kept = keras.random.uniform(shape, seed=self.seed_generator) >= rates
            scaled = ops.cast(kept, "float32") / (1.0 - rates)
            scaled = ops.cast(scaled, inputs.dtype) * ops.expand_dims(inputs, 1)
            said = ops.einsum("rdf,dfu->rdu", scaled, kernel)
        return self.activation(said + bias)

    def decoder(self, number: int) -> list[np.ndarray]:
        """Return kernel and bias of a decoder.

        Args:
            number: Which, from 0.
        """
        kernel, bias = map(ops.convert_to_numpy, (self.kernel, self.bias))
        if number < len(kernel):
            return [kernel[number], bias[number]]
        still = ops.convert_to_numpy(self.frozen_kernel)
        return [still[number - 1], np.zeros(self.units, bias.dtype)]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (rows, decoders, units)."""
        return (input_shape[0], self.decoders, self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
