"""Recurrent states that keep some of their values from one step to the next."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.errors import UserError


@polytask_export("polytask.layers.Zoneout")
class Zoneout(keras.layers.RNN):
    """A recurrent layer h' = z h + (1 - z) f(x, h), where z keeps values at random.

    In training z is 1 with probability p for each value of a state and each step, and
    otherwise 0; at inference h' = p h + (1 - p) f(x, h). What it puts out is the first
    state. All masks of a sequence are drawn at once, from the layer's own seed.

    Args:
        cell: A cell whose output is its first state, such as `keras.layers.LSTMCell`
            or `keras.layers.GRUCell`.
        rate: p, in [0, 1), or one for each state: (hidden, cell) for an LSTM. Default:
            0.1.
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.RNN`, such as `return_sequences`.

    Raises:
        UserError: If a rate is out of range, or there is not one for each state.

    Source:
        Krueger et al., "Zoneout: Regularizing RNNs by Randomly Preserving Hidden
        Activations", ICLR 2017.

    Example:
        >>> layer = Zoneout(keras.layers.LSTMCell(8), rate=(0.05, 0.5))
        >>> layer(keras.Input((12, 3))).shape
        (None, 8)
    """

    def __init__(
        self,
        cell: Any,
        rate: float | Sequence[float] = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        wrapped = _ZoneoutCell(cell, rate)
        super().__init__(wrapped, **kwargs)
        self.rate = wrapped.rates[0] if isinstance(rate, (int, float)) else list(rate)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """Return the last output, or that of each step."""
        if training:
            shape = (*ops.shape(sequences)[:2], self.cell.width)
            noise = keras.random.uniform(shape, seed=self.seed_generator)
            kept = ops.cast(noise < self.cell.thresholds(), sequences.dtype)
            sequences = ops.concatenate([sequences, kept], axis=-1)
        return super().call(sequences, initial_state, mask, training)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config["cell"] = keras.saving.serialize_keras_object(self.cell.cell)
        return {**config, "rate": self.rate, "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make the layer from its configuration, which Keras would take apart."""
        return super().from_config(dict(config), custom_objects)


class _ZoneoutCell(keras.layers.Layer):
    """One step; in training the masks of the states stand behind the inputs."""

    def __init__(self, cell: Any, rate: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell = cell
        size = cell.state_size
        self.state_size = list(size) if isinstance(size, (list, tuple)) else [size]
        self.output_size = cell.output_size
        self.width = sum(self.state_size)
        number = len(self.state_size)
        rates = list(rate) if isinstance(rate, (list, tuple)) else [rate] * number
        self.rates = [
            checked_number(each, "rate", "Zoneout", at_least=0.0, below=1.0)
            for each in rates
        ]
        if len(rates) != number:
            raise UserError(
                f"Zoneout: {type(cell).__name__} has {number} states; found the rates "
                f"{', '.join(map(str, rates))}."
            )

    def thresholds(self) -> Any:
        """Return the rate of each value of the states, one after the other."""
        return ops.concatenate(
            [
                ops.full((size,), rate)
                for size, rate in zip(self.state_size, self.rates, strict=True)
            ]
        )

    def build(self, input_shape: Any) -> None:
        """Build the cell."""
        if not self.cell.built:
            self.cell.build(input_shape)

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Return the states before the first step."""
        states = self.cell.get_initial_state(batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    def call(
        self, inputs: Any, states: Any, training: bool = False
    ) -> tuple[Any, list[Any]]:
        """Return the output and the states after a step."""
        states = list(states)
        shares: list[Any] = list(self.rates)
        if training:
            inputs, masks = inputs[:, : -self.width], inputs[:, -self.width :]
            starts = [sum(self.state_size[:i]) for i in range(len(states))]
            shares = [
                masks[:, start : start + size]
                for start, size in zip(starts, self.state_size, strict=True)
            ]
        _, after = self.cell(inputs, states, training=training)
        after = list(after) if isinstance(after, (list, tuple)) else [after]
        mixed = [
            share * old + (1 - share) * new
            for share, old, new in zip(shares, states, after, strict=True)
        ]
        return mixed[0], mixed

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        cell = keras.saving.serialize_keras_object(self.cell)
        return {**super().get_config(), "cell": cell, "rate": self.rates}
