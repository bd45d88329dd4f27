"""A place in the trunk where rows may be mixed."""

from collections.abc import Callable
from typing import Any, ClassVar

import keras

from polytask._export import polytask_export


class _Way:
    """How rows are mixed now; a plain object, which Keras does not look into."""

    mix: Callable[[Any], Any] | None = None


@polytask_export("polytask.layers.MixupPoint")
class MixupPoint(keras.layers.Layer):
    """Marks where `polytask.training.ManifoldMixup` may mix what comes through.

    At inference, and in training without it, it is the identity.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Hidden states of any shape with rows first.

    Returns:
        The same, or in training pairs of them mixed.

    Source:
        Verma, Lamb, Beckham, Najafi, Mitliagkas, Lopez-Paz and Bengio, "Manifold Mixup:
        Better Representations by Interpolating Hidden States", ICML 2019.

    Example:
        >>> MixupPoint()(keras.Input((8,))).shape
        (None, 8)
    """

    # What training looks for, as it knows of no layer.
    mixes_rows: ClassVar[bool] = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._way = _Way()

    def follow(self, mix: Callable[[Any], Any] | None) -> None:
        """Let a train step say how rows are mixed.

        Args:
            mix: From rows to mixed rows; None for the rows as they are.
        """
        self._way.mix = mix

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the rows, mixed where a train step says how."""
        mix = self._way.mix
        return mix(inputs) if training and mix is not None else inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape
