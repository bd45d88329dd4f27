"""Dropout with masks that are drawn beforehand, so that all backends have the same."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask import layers
from polytask._keras_private import all_layers
from polytask._types import Tensor
from polytask.errors import UserError

DROPOUTS = (keras.layers.Dropout, layers.Dropout)
_SPATIAL = (
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)

# Masks of a call that is traced, by the place of the layer.
_MASKS: ContextVar[Sequence[Tensor]] = ContextVar("dropout_masks")


class _Masked(keras.layers.Layer):
    """Multiplies by the mask of the call, where a dropout layer stood."""

    def __init__(self, place: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.place = place

    def call(self, inputs: Any) -> Any:
        """Return the masked inputs."""
        return inputs * ops.cast(_MASKS.get()[self.place], inputs.dtype)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the inputs' own: when the graph is built there is no mask."""
        return keras.KerasTensor(inputs.shape, inputs.dtype)


@dataclass(frozen=True)
class _Site:
    """A call of a dropout layer.

    Attributes:
        layer: The layer.
        shape: Of a row's mask; 1 where entries are dropped together.
    """

    layer: Any
    shape: tuple[int, ...]


class DropoutMasks:
    """A model whose dropout takes masks; all other layers act as in inference.

    Args:
        model: A functional model; the layers are shared with it.

    Raises:
        UserError: If it has no dropout to take masks, or one within a model that is a
            layer, whose inputs have no fixed shape, or with a `noise_shape`.
    """

    def __init__(self, model: keras.Model) -> None:
        self.sites: list[_Site] = []
        # A plain model: a compiled one would be compiled again.
        plain = keras.Model(model.input, model.output)
        self.model = keras.models.clone_model(
            plain, clone_function=lambda layer: layer, call_function=self._call
        )
        known = {id(site.layer) for site in self.sites}
        for layer in all_layers(model):
            if isinstance(layer, DROPOUTS) and id(layer) not in known:
                raise UserError(
                    f"The dropout {layer.name} stands within a layer or a nested "
                    "model, where no mask reaches it; put it into the model itself, "
                    'or take dropout="off".'
                )
        if not self.sites:
            raise UserError(
                f'The model "{model.name}" has no dropout: add a keras.layers.Dropout, '
                'or take dropout="off".'
            )

    def drawn(
        self, random: np.random.Generator, *leading: int
    ) -> tuple[np.ndarray, ...]:
        """Draw masks: 0, or 1 / (1 - rate) where a unit is kept.

        Args:
            random: Where from.
            *leading: Axes before those of a row, such as episodes and rows.

        Returns:
            A mask for each call of a dropout layer.
        """
        return tuple(
            _mask(random, float(site.layer.rate), (*leading, *site.shape))
            for site in self.sites
        )

    def forward(self, masks: Sequence[Tensor]) -> Callable[[Any], Any]:
        """Return what calls the model with masks, each (rows, ...)."""

        def call(x: Any) -> Any:
            token = _MASKS.set(masks)
            try:
                return self.model(x, training=False)
            finally:
                _MASKS.reset(token)

        return call

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a layer of the copy, or what stands for it."""
        if not isinstance(layer, DROPOUTS):
            return layer(*args, **kwargs)
        (x,) = args
        self.sites.append(_Site(layer, _row_shape(layer, tuple(x.shape[1:]))))
        return _Masked(len(self.sites) - 1)(x)


def _row_shape(layer: Any, shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """Return the shape of a row's mask."""
    if getattr(layer, "noise_shape", None) is not None:
        raise UserError(
            f"The dropout {layer.name} has the noise_shape {layer.noise_shape}, which "
            'a Trainer does not know; take dropout="off" or a SpatialDropout layer.'
        )
    if isinstance(layer, _SPATIAL):
        first = getattr(layer, "data_format", None) == "channels_first"
        channels = 0 if first else len(shape) - 1
        shape = tuple(n if axis == channels else 1 for axis, n in enumerate(shape))
    sizes = [size for size in shape if size is not None]
    if len(sizes) < len(shape):
        raise UserError(
            f"The dropout {layer.name} has inputs of the shape (rows, "
            f"{', '.join(map(str, shape))}); its masks need a fixed one."
        )
    return tuple(sizes)


def _mask(
    random: np.random.Generator, rate: float, shape: tuple[int, ...]
) -> np.ndarray:
    kept = random.random(shape, dtype=np.float32) >= rate
    mask: np.ndarray = kept.astype("float32")
    return mask / np.float32(1.0 - rate) if rate < 1.0 else mask
