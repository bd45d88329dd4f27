"""Dropout in front of a layer, with a rate that is learned."""

import math
from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.ConcreteDropout")
class ConcreteDropout(ConfiguredLayer, keras.layers.Wrapper):
    """A layer behind dropout whose rate p learns, by a relaxed mask.

    The mask of an input is 1 - sigmoid((logit p + logit u)/t) with u uniform, divided
    by 1 - p, so that the gradient reaches p. The layer adds

    s/N (l²/2 · ‖W‖²/(1 - p) - K H(p)),

    with W its kernel, K its number of inputs (channels) and H(p) the entropy of a coin:
    many rows make p small, few make it large. In a tower, N is the number of rows that
    have a label of that task.

    Args:
        layer: A layer with a kernel, such as `Dense`.
        rows: N, the number of labeled training rows.
        length_scale: l, above 0: small allows large weights. Default: 1e-4.
        loss_scale: s, what the loss has in front of the negative log-likelihood: 1, the
            default, for cross-entropies; 2/τ for the mean squared error with the noise
            precision τ.
        start_rate: p at the start, between 0 and 1. Default: 0.1.
        temperature: t, above 0. Default: 0.1.
        seed: Seed of the noise, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If an argument is out of range, or, when it is built, the layer has
            no kernel.

    Source:
        Gal, Hron and Kendall, "Concrete Dropout", NIPS 2017.

    Example:
        >>> layer = ConcreteDropout(keras.layers.Dense(3), rows=1000)
        >>> layer(keras.Input((8,))).shape
        (None, 3)
        >>> round(float(keras.ops.convert_to_numpy(layer.rate())), 3)
        0.1
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        rows: int,
        length_scale: float = 1e-4,
        loss_scale: float = 1.0,
        start_rate: float = 0.1,
        temperature: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layer, **kwargs)
        owner = "ConcreteDropout"
        self.rows = checked_count(rows, "rows", owner)
        self.length_scale = checked_number(
            length_scale, "length_scale", owner, above=0.0
        )
        self.loss_scale = checked_number(loss_scale, "loss_scale", owner, above=0.0)
        self.start_rate = checked_number(
            start_rate, "start_rate", owner, above=0.0, below=1.0
        )
        self.temperature = checked_number(temperature, "temperature", owner, above=0.0)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Build the layer, and the logit of p."""
        super().build(input_shape)
        if not isinstance(getattr(self.layer, "kernel", None), keras.Variable):
            raise UserError(
                f'ConcreteDropout "{self.name}": {type(self.layer).__name__} has no '
                "kernel, on which the learned rate depends."
            )
        start = math.log(self.start_rate) - math.log1p(-self.start_rate)
        self.logit = self.add_weight(
            name="logit", shape=(), initializer=keras.initializers.Constant(start)
        )

    def rate(self) -> Any:
        """Return p, a float32 scalar."""
        return ops.sigmoid(ops.cast(ops.convert_to_tensor(self.logit), "float32"))

    def penalty(self) -> Any:
        """Return what is added to the loss, a float32 scalar."""
        kernel = ops.cast(ops.convert_to_tensor(self.layer.kernel), "float32")
        logit = ops.cast(ops.convert_to_tensor(self.logit), "float32")
        p = ops.sigmoid(logit)
        entropy = -p * ops.log_sigmoid(logit) - (1 - p) * ops.log_sigmoid(-logit)
        weights = self.length_scale**2 / 2 * ops.sum(ops.square(kernel)) / (1 - p)
        inputs = kernel.shape[-2]
        return self.loss_scale / self.rows * (weights - inputs * entropy)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return what the layer does with the inputs, in training behind dropout."""
        self.add_loss(self.penalty())
        if not training:
            return self.layer(inputs)
        u = keras.random.uniform(
            ops.shape(inputs), 1e-6, 1 - 1e-6, seed=self.seed_generator
        )
        noise = ops.log(u) - ops.log(1 - u)
        logit = ops.cast(ops.convert_to_tensor(self.logit), "float32")
        kept = ops.sigmoid(-(logit + noise) / self.temperature)
        kept = kept / (1 - ops.sigmoid(logit))
        return self.layer(inputs * ops.cast(kept, inputs.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the layer's output shape."""
        return self.layer.compute_output_shape(input_shape)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Return the layer that `get_config` described; the dict stays as it is."""
        return super().from_config(dict(config), custom_objects=custom_objects)
