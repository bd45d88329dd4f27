"""A layer that passes some columns of its input on."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.SelectColumns")
class SelectColumns(ConfiguredLayer):
    """The columns with the given numbers, in the given order.

    `polytask.compact` puts it behind the inputs, so that the smaller model takes the
    same table and reads the columns it needs.

    Args:
        indices: Positions on the last axis, from 0.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If there is no index, one is negative or no integer, or, when the
            layer is built, one lies beyond the last column.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> layer = SelectColumns([2, 0])
        >>> keras.ops.convert_to_numpy(layer(np.array([[1.0, 2.0, 3.0]]))).tolist()
        [[3.0, 1.0]]
    """

    def __init__(self, indices: Iterable[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        columns = list(indices)
        if not columns or any(int(i) != i or i < 0 for i in columns):
            raise UserError(
                "SelectColumns: indices must be integers from 0, at least one; found "
                f"{columns!r}."
            )
        self.indices = tuple(int(i) for i in columns)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Check the indices against the number of columns."""
        columns = input_shape[-1]
        if columns is not None and max(self.indices) >= columns:
            raise UserError(
                f'SelectColumns "{self.name}": index {max(self.indices)} is beyond the '
                f"last of {columns} columns."
            )

    def call(self, inputs: Any) -> Any:
        """Return the selected columns of a batch."""
        return ops.take(inputs, np.array(self.indices, "int32"), axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape with as many columns as indices."""
        return (*input_shape[:-1], len(self.indices))
