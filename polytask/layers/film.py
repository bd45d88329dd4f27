"""Features scaled and shifted by what the row is conditioned on."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._rows import one_hot_tasks, over_rows


@polytask_export("polytask.layers.FiLM")
class FiLM(ConfiguredLayer):
    """(1 + γ) · x + β per channel, with γ and β chosen by a condition.

    The condition is the task index of each row (with `num_tasks`), or a vector for
    each row, such as an embedding of the task (without). It starts as the identity:
    γ and β begin at zero, so a penalty on them pulls the tasks together.

    Call it as `layer(features, condition)`. Features have any shape (rows, ...,
    channels). Rows whose task index is out of range come out as NaN.

    Args:
        num_tasks: Number of tasks, where the condition is an index from 0. None, the
            default, where it is a vector (rows, d).
        regularizer: Penalty on γ and β, as in `kernel_regularizer` of Keras.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If `num_tasks` is below 1, or, when the layer is built, a condition
            that should be a vector is not (rows, d).

    Source:
        Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer",
        AAAI 2018.

    Example:
        >>> import numpy as np
        >>> layer = FiLM(num_tasks=2)
        >>> layer(np.ones((3, 4)), np.array([0, 1, 1])).shape == (3, 4)
        True
    """

    def __init__(
        self, num_tasks: int | None = None, regularizer: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_tasks = (
            None if num_tasks is None else checked_count(num_tasks, "num_tasks", "FiLM")
        )
        self.regularizer = keras.regularizers.get(regularizer)
        self.supports_masking = True

    def build(self, inputs_shape: Any, condition_shape: Any) -> None:
        """Make the table, or the kernel, that gives γ and β."""
        if self.num_tasks is None:
            if len(condition_shape) != 2:
                raise UserError(
                    f'FiLM "{self.name}": without num_tasks the condition is a vector '
                    f"for each row, shape (rows, d); found {tuple(condition_shape)}."
                )
            inputs = condition_shape[-1]
        else:
            inputs = self.num_tasks
        self.kernel = self.add_weight(
            name="kernel",
            shape=(inputs, 2 * inputs_shape[-1]),
            initializer="zeros",
            regularizer=self.regularizer,
        )

    def call(self, inputs: Any, condition: Any) -> Any:
        """Return the scaled and shifted features."""
        if self.num_tasks is None:
            mixed = ops.matmul(ops.cast(condition, inputs.dtype), self.kernel)
        else:
            hot, known = one_hot_tasks(condition, self.num_tasks)
            mixed = ops.matmul(ops.cast(hot, inputs.dtype), self.kernel)
            nan = ops.cast(float("nan"), mixed.dtype)
            mixed = ops.where(ops.expand_dims(known, 1), mixed, nan)
        gamma, beta = ops.split(mixed, 2, axis=-1)
        rank = len(inputs.shape)
        return inputs * (1 + over_rows(gamma, rank)) + over_rows(beta, rank)

    def compute_output_shape(self, inputs_shape: Any, condition_shape: Any) -> Any:
        """Return the features' shape."""
        return inputs_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "regularizer": keras.regularizers.serialize(self.regularizer),
        }
