"""Moments of batch normalization from all rows, instead of a moving average."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count
from polytask._keras_private import all_layers
from polytask.layers import TaskBatchNormalization
from polytask.models.eager_batches import input_batches, training_mode

#: The layers that normalize by statistics of the rows seen in training.
STATISTICS_LAYERS = (keras.layers.BatchNormalization, TaskBatchNormalization)


def statistics_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model that keep statistics of the rows, each once.

    Args:
        model: Any model, nested ones included.

    Returns:
        The layers.
    """
    layers = all_layers(model)
    return [layer for layer in layers if isinstance(layer, STATISTICS_LAYERS)]


def recompute_statistics(
    model: keras.Model, data: Any, batch_size: int = 256
) -> list[str]:
    """Set the statistics of all batch normalization to the moments of `data`.

    The moving averages that training leaves belong to weights of the past, and they
    are wrong for weights that no step has seen: those of a moving average, of the mean
    of several epochs, of several networks merged. This passes the rows through the
    network once, without an update and without dropout, and takes the mean and the
    variance over all of them; in a `TaskBatchNormalization` over those of each task, of
    which one with less than two values keeps what it has. So do frozen layers.

    Within a batch, a layer normalizes by the moments of the batch, as in training:
    take large batches, and shuffled rows.

    Args:
        model: The model; its variables are changed.
        data: Inputs as the model takes them, arrays or a dict or list of arrays; or an
            iterable of batches, such as a `PyDataset`, whose targets are not used.
        batch_size: Rows of a batch where `data` are arrays. Default: 256.

    Returns:
        The names of the layers whose statistics were set; none if the model has no
        batch normalization.

    Raises:
        UserError: If `data` has no row, or arrays of several lengths, or `batch_size`
            is below 1.

    Source:
        Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021 (precise batch
        normalization).

    Example:
        >>> import keras, numpy as np
        >>> x = keras.Input((2,))
        >>> model = keras.Model(x, keras.layers.BatchNormalization(name="norm")(x))
        >>> rows = np.array([[0.0, 1.0], [2.0, 5.0]], "float32")
        >>> recompute_statistics(model, rows)
        ['norm']
        >>> model.layers[-1].moving_mean.numpy().tolist()
        [1.0, 3.0]
    """
    batch_size = checked_count(batch_size, "batch_size", "recompute_statistics")
    layers = [layer for layer in statistics_layers(model) if layer.trainable]
    if not layers:
        return []
    moments: dict[int, _Moments] = {}

    def watch(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        values, groups = _observed(layer, args, kwargs)
        shape = tuple(layer.moving_mean.shape)
        moments.setdefault(id(layer), _Moments.none(shape)).add(values, groups)

    before = [[ops.convert_to_numpy(v) for v in _statistics(layer)] for layer in layers]
    with training_mode(layers, True, watch):
        for batch in input_batches(data, batch_size):
            model(batch, training=False)
    for layer, old in zip(layers, before, strict=True):
        # Calls in training moved them.
        for variable, value in zip(_statistics(layer), old, strict=True):
            variable.assign(value)
        if id(layer) in moments:
            moments[id(layer)].set(layer)
    return [layer.name for layer in layers if id(layer) in moments]


@dataclass
class _Moments:
    """Running moments of groups of values, in float64.

    Attributes:
        counts: (groups, 1) number of values.
        means: (groups, channels).
        squares: (groups, channels) sums of squared distances from the mean.
    """

    counts: np.ndarray
    means: np.ndarray
    squares: np.ndarray

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> "_Moments":
        """Return the moments of no values for statistics of a shape."""
        means = np.zeros((1, *shape) if len(shape) == 1 else shape)
        return cls(np.zeros((len(means), 1)), means, np.zeros_like(means))

    def add(self, values: np.ndarray, groups: np.ndarray) -> None:
        """Add (values, channels), each of a group (Chan, Golub and LeVeque, 1983)."""
        for group in np.unique(groups[(groups >= 0) & (groups < len(self.counts))]):
            own = values[groups == group]
            mean = own.mean(axis=0)
            before, now = self.counts[group], len(own)
            total = before + now
            shift = mean - self.means[group]
            self.means[group] += shift * now / total
            self.squares[group] += np.square(own - mean).sum(axis=0)
            self.squares[group] += np.square(shift) * before * now / total
            self.counts[group] = total

    def set(self, layer: Any) -> None:
        """Give a layer the moments, in groups that have a variance."""
        variance = self.squares / np.maximum(self.counts, 1)
        new = {"moving_mean": self.means, "moving_variance": variance}
        if getattr(layer, "renorm", False):
            deviation = np.sqrt(variance + layer.epsilon)
            new |= {"moving_stddev": deviation, "renorm_stddev": deviation}
            new |= {"renorm_mean": self.means}
        for name, values in new.items():
            variable = getattr(layer, name)
            old = ops.convert_to_numpy(variable).reshape(values.shape)
            values = np.where(self.counts > 1, values, old)
            variable.assign(values.reshape(variable.shape).astype("float32"))


def _statistics(layer: Any) -> list[keras.Variable]:
    return list(layer.non_trainable_weights)


def _observed(
    layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a layer is about to normalize, and the group of each value."""
    inputs, mask = args[0], kwargs.get("mask", kwargs.get("inputs_mask"))
    x = np.moveaxis(
        ops.convert_to_numpy(inputs).astype("float64"), getattr(layer, "axis", -1), -1
    )
    positions = x.shape[:-1]
    groups = np.zeros(len(x), int)
    if isinstance(layer, TaskBatchNormalization):
        task = args[1] if len(args) > 1 else kwargs["task"]
        groups = ops.convert_to_numpy(task).reshape(-1).astype(int)
    groups = np.broadcast_to(
        groups.reshape(-1, *[1] * (len(positions) - 1)), positions
    ).ravel()
    values = x.reshape(-1, x.shape[-1])
    if mask is None:
        return values, groups
    there = ops.convert_to_numpy(mask).astype(bool).ravel()
    return values[there], groups[there]
