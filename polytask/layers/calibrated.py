"""A word that a head's probabilities are used as such."""

from typing import Any, ClassVar

import keras

from polytask._export import polytask_export


@polytask_export("polytask.layers.Calibrated")
class Calibrated(keras.layers.Layer):
    """Declares that the probabilities of a task are used as such; changes nothing.

    Where a click's probability is multiplied by a price, or by that of a purchase, it
    has to be right on average. As the last layer of a head it lets `compile` refuse for
    this task what trains other probabilities: mixing of rows, label smoothing, the
    focal loss and the confidence penalty.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Source:
        Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks",
        ICML 2017.

    Example:
        >>> click = keras.layers.Dense(1, "sigmoid")(keras.Input((8,)))
        >>> Calibrated()(click).shape
        (None, 1)
    """

    # What checks look for.
    calibrated: ClassVar[bool] = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape
