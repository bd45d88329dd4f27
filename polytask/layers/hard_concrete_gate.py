"""Gates that are exactly open, exactly closed or in between, and learn which."""

import math
from typing import Any

import keras
from keras import ops

from polytask._checks import checked_number, checked_strength
from polytask._export import polytask_export
from polytask.knob import to_config
from polytask.layers._configured import ConfiguredLayer

TEMPERATURE = 2.0 / 3.0
LOW, HIGH = -0.1, 1.1


@polytask_export("polytask.layers.HardConcreteGate")
class HardConcreteGate(ConfiguredLayer):
    """Multiplies each feature by a learned gate, at the price of λ per open gate: L0.

    A gate is a stretched and clipped concrete variable,
    z = clip(s(1.1 + 0.1) - 0.1, 0, 1) with s = sigmoid((logit u + log α) / β), β = 2/3
    and u uniform: zero and one have positive probability, and log α learns by the
    gradient. At inference the gate is clip(1.2 sigmoid(log α) - 0.1, 0, 1). The penalty
    is the expected number of gates that are not zero,
    λ Σ sigmoid(log α - β log(0.1 / 1.1)); it acts after balancing, as weight penalties
    do. One layer in front of each task's tower gives every task its own sub-network of
    a shared trunk. All examples of a batch share the gates.

    Args:
        strength: λ, at least 0. Defaults to 0.001.
        open_rate: Share of the gates that are not zero at the start, between 0 and 1.
            Defaults to 0.9.
        seed: Seed of the noise, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If `strength` or `open_rate` is out of range.

    Source:
        Louizos, Welling and Kingma, "Learning Sparse Neural Networks through L0
        Regularization", ICLR 2018.

    Example:
        >>> import numpy as np
        >>> layer = HardConcreteGate(open_rate=0.9)
        >>> x = np.ones((2, 3), "float32")
        >>> [round(g, 2) for g in keras.ops.convert_to_numpy(layer(x))[0].tolist()]
        [0.67, 0.67, 0.67]
    """

    def __init__(
        self,
        strength: float = 0.001,
        open_rate: float = 0.9,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.strength = checked_strength(strength, "HardConcreteGate")
        self.open_rate = checked_number(
            open_rate, "open_rate", "HardConcreteGate", above=0.0, at_most=1.0 - 1e-6
        )
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create log α, one for each feature."""
        start = math.log(self.open_rate / (1.0 - self.open_rate)) - _SHIFT
        self.log_alpha = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(start),
            regularizer=OpenGates(self.strength),
            name="log_alpha",
        )

    def open_probability(self) -> Any:
        """Return for each feature the probability that its gate is not zero."""
        return ops.sigmoid(ops.convert_to_tensor(self.log_alpha) + _SHIFT)

    def gates(self) -> Any:
        """Return the gates of inference; what is closed is exactly 0.0."""
        return _stretched(ops.sigmoid(ops.convert_to_tensor(self.log_alpha)))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the gated features of a batch."""
        if not training:
            return inputs * ops.cast(self.gates(), inputs.dtype)
        log_alpha = ops.cast(ops.convert_to_tensor(self.log_alpha), "float32")
        u = keras.random.uniform(
            ops.shape(log_alpha), 1e-6, 1.0 - 1e-6, seed=self.seed_generator
        )
        noise = ops.log(u) - ops.log(1.0 - u)
        z = _stretched(ops.sigmoid((noise + log_alpha) / TEMPERATURE))
        return inputs * ops.cast(z, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape


# log α + _SHIFT is the log-odds of a gate that is not zero.
_SHIFT = -TEMPERATURE * math.log(-LOW / HIGH)


def _stretched(s: Any) -> Any:
    return ops.clip(s * (HIGH - LOW) + LOW, 0.0, 1.0)


class OpenGates(keras.regularizers.Regularizer):
    """λ times the expected number of open gates, as a function of log α.

    Args:
        strength: λ.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def __call__(self, x: Any) -> Any:
        """Return the value for log α."""
        return self.strength * ops.sum(ops.sigmoid(ops.convert_to_tensor(x) + _SHIFT))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"strength": to_config(self.strength)}
