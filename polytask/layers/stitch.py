"""A learned linear combination of several tensors."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.Stitch")
class Stitch(ConfiguredLayer):
    """Σⱼ αⱼ xⱼ, beginning close to one of the tensors: one row of a cross-stitch unit.

    Called on a list of tensors of the same shape (rows, ..., channels). α begins at
    `self_weight` for the tensor `own` and shares the rest among the others; at equal
    weights the tasks could not be told apart, at zero nothing would flow.

    With `subspaces`, the channels are cut into so many equal parts, and each part of
    the result combines every part of every tensor, as in sluice networks.

    Args:
        own: Position of the tensor that the result begins close to.
        subspaces: Parts of the channels. Defaults to 1.
        channelwise: Whether each channel has an α of its own; only with one subspace.
            Defaults to False.
        self_weight: First weight of the own tensor, in (0, 1]. Defaults to 0.9.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If an option is out of range or, when the layer is built, the
            channels cannot be cut into equal parts or there is no tensor `own`.

    Source:
        Misra et al., "Cross-stitch Networks for Multi-task Learning", CVPR 2016; Ruder
        et al., "Latent Multi-task Architecture Learning", AAAI 2019.

    Example:
        >>> import numpy as np
        >>> mixed = Stitch(own=0)([np.array([[1.0]]), np.array([[3.0]])])
        >>> round(float(mixed[0, 0]), 3)
        1.2
    """

    def __init__(
        self,
        own: int,
        subspaces: int = 1,
        channelwise: bool = False,
        self_weight: float = 0.9,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.own = checked_count(own, "own", "Stitch", at_least=0)
        self.subspaces = checked_count(subspaces, "subspaces", "Stitch")
        self.channelwise = bool(channelwise)
        if self.channelwise and self.subspaces > 1:
            raise UserError(
                "Stitch: channelwise needs subspaces=1; found subspaces="
                f"{self.subspaces}."
            )
        if not 0 < self_weight <= 1:
            raise UserError(
                f"Stitch: self_weight must lie in (0, 1]; found {self_weight!r}."
            )
        self.self_weight = float(self_weight)
        self.supports_masking = True

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make α."""
        count, channels = len(input_shape), input_shape[0][-1]
        if self.own >= count or any(s[-1] != channels for s in input_shape):
            widths = ", ".join(str(shape[-1]) for shape in input_shape)
            raise UserError(
                f'Stitch "{self.name}": needs at least {self.own + 1} tensors of the '
                f"same number of channels; found {count}, with {widths}."
            )
        if channels % self.subspaces:
            raise UserError(
                f'Stitch "{self.name}": {channels} channels cannot be cut into '
                f"{self.subspaces} equal parts."
            )
        parts = count * self.subspaces
        first = np.full((self.subspaces, parts), 1.0, "float32")
        if parts > 1:
            first *= (1 - self.self_weight) / (parts - 1)
            for part in range(self.subspaces):
                first[part, self.own * self.subspaces + part] = self.self_weight
        if self.channelwise:
            first = np.repeat(first.T, channels, axis=1)
        self.alpha_initializer = keras.initializers.Constant(first)
        self.alpha = self.add_weight(
            name="alpha", shape=first.shape, initializer=self.alpha_initializer
        )

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the combination."""
        stacked = ops.stack(list(inputs), axis=-2)
        if self.channelwise:
            return ops.sum(stacked * self.alpha, axis=-2)
        shape = tuple(inputs[0].shape[1:])
        width = shape[-1] // self.subspaces
        parts = ops.reshape(stacked, (-1, *shape[:-1], self.alpha.shape[1], width))
        return ops.reshape(ops.matmul(self.alpha, parts), (-1, *shape))

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Any:
        """Return the shape of one tensor."""
        return input_shape[0]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the own tensor."""
        return previous_mask[self.own] if previous_mask else None
