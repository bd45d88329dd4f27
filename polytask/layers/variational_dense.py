"""A dense layer whose every weight has a noise of its own, which is learned."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.layers._configured import ConfiguredLayer

# Of the paper's approximation of the divergence.
_K1, _K2, _K3 = 0.63576, 1.8732, 1.48695
# Its variances are limited, as those of no weight have no slope.
_LOWEST, _HIGHEST = -8.0, 8.0


@polytask_export("polytask.layers.VariationalDense")
class VariationalDense(ConfiguredLayer, keras.layers.Dense):
    """A dense layer with weights w ~ N(θ, αθ²), an α for each: variational dropout.

    In training the outputs are drawn by their mean xθ and variance x²(αθ²), and the
    layer adds 1/N times the divergence from a prior that is flat in log |w|,
    Σ k₁ + ½ log(1 + 1/α) - k₁ sigmoid(k₂ + k₃ log α). A weight that says little grows
    an ever larger α; at inference those with log α above `threshold` are exactly zero.

    Args:
        units: Number of outputs.
        rows: N, the number of labeled training rows.
        threshold: Largest log α of a weight in use. Default: 3, that is α = 20.
        start: log σ² = log(αθ²) at the start. Default: -10.
        seed: Seed of the noise, or None.
        **kwargs: Arguments of `keras.layers.Dense`, such as `activation`.

    Raises:
        UserError: If `rows` is below 1, or a number is not finite.

    Source:
        Kingma, Salimans and Welling, "Variational Dropout and the Local
        Reparameterization Trick", NIPS 2015; Molchanov, Ashukha and Vetrov,
        "Variational Dropout Sparsifies Deep Neural Networks", ICML 2017.

    Example:
        >>> VariationalDense(3, rows=1000)(keras.Input((8,))).shape
        (None, 3)
    """

    def __init__(
        self,
        units: int,
        rows: int,
        threshold: float = 3.0,
        start: float = -10.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        self.rows = checked_count(rows, "rows", "VariationalDense")
        self.threshold = checked_number(threshold, "threshold", "VariationalDense")
        self.start = checked_number(start, "start", "VariationalDense")
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        """Make θ, the bias and log σ²."""
        super().build(input_shape)
        self.log_variance = self.add_weight(
            name="log_variance",
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.Constant(self.start),
        )

    def log_alpha(self) -> Any:
        """Return log α of each weight, between -8 and 8, in float32."""
        kernel = ops.cast(ops.convert_to_tensor(self.kernel), "float32")
        variance = ops.cast(ops.convert_to_tensor(self.log_variance), "float32")
        return ops.clip(
            variance - ops.log(ops.square(kernel) + 1e-16), _LOWEST, _HIGHEST
        )

    def penalty(self) -> Any:
        """Return what is added to the loss, a float32 scalar."""
        log_alpha = self.log_alpha()
        divergence = _K1 - _K1 * ops.sigmoid(_K2 + _K3 * log_alpha)
        divergence = divergence + 0.5 * ops.softplus(-log_alpha)
        return ops.sum(divergence) / self.rows

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the outputs of a batch."""
        self.add_loss(self.penalty())
        log_alpha, kernel = self.log_alpha(), ops.convert_to_tensor(self.kernel)
        if training:
            y = ops.matmul(inputs, kernel)
            variances = ops.exp(log_alpha) * ops.square(ops.cast(kernel, "float32"))
            squares = ops.square(ops.cast(inputs, "float32"))
            deviation = ops.sqrt(ops.matmul(squares, variances) + 1e-8)
            noise = keras.random.normal(ops.shape(y), seed=self.seed_generator)
            y = y + ops.cast(deviation * noise, y.dtype)
        else:
            used = ops.cast(log_alpha <= self.threshold, kernel.dtype)
            y = ops.matmul(inputs, kernel * used)
        if self.bias is not None:
            y = y + self.bias
        return y if self.activation is None else self.activation(y)

    def save_own_variables(self, store: Any) -> None:
        """Store all weights; `Dense` would leave out the variances."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` stored."""
        keras.layers.Layer.load_own_variables(self, store)
