"""One variant's network: a shared trunk, and a tower and head for each task."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import keras
import numpy as np

from polytask import regularizers
from polytask.lab.kinds import Task
from polytask.lab.studies.families import instantiate
from polytask.layers import (
    HardConcreteGate,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    SelectColumns,
)
from polytask.layers._block import Block
from polytask.layers.architectures import ARCHITECTURES
from polytask.models import MultiTaskModel
from polytask_options import Network, Settings

# Keras's 0.99 remembers hundreds of batches; an epoch of a small table has ten.
MOMENTUM = 0.9

# A column with so few values says yes or no; its vector would be a line.
_INDICATOR = 2

_NUMBERS, _SELECTED = "numbers", "number_columns"


def build_network(
    tasks: Sequence[Task],
    features: int,
    network: Network,
    settings: Settings,
    numbers: Sequence[int] = (),
) -> MultiTaskModel:
    """Return the untrained model; initial weights follow Keras's global seed.

    Every hidden layer is dense → batch normalization → activation → dropout, each
    where the settings ask for it; the experts of a mixture are such layers too.
    Penalties act on kernels of dense layers alone.

    Args:
        tasks: One head each; one task alone gives its single-task baseline.
        features: Columns of the design matrix.
        network: Widths and activation.
        settings: The variant's regularization and sharing; a single task has the
            plain trunk.
        numbers: Columns that get an embedding, where the network has one; the others
            enter as they are. See `embed_numbers`.

    Returns:
        A model whose outputs are probabilities, or standardized values.
    """
    inputs = keras.Input((features,), name="features")
    hidden = _dropout(inputs, settings.dropout_input, "input_dropout")
    hidden = _embedded(hidden, features, numbers, network)
    features_of = _features([t.name for t in tasks], hidden, network, settings)
    outputs = {}
    for t, task in enumerate(tasks):
        tower = _gated(features_of[task.name], settings.task_gates, f"gate_{t}")
        for i, width in enumerate(network.towers):
            name = f"tower_{t}_{i}"
            tower = _dense(
                tower, width, network.activation, settings, _penalty(settings), name
            )
            tower = _dropout(tower, settings.dropout_tower, f"{name}_dropout")
        head = task.rules.head(task, _penalty(settings), f"head_{t}")
        outputs[task.name] = head(tower)
    return MultiTaskModel(inputs, outputs)


def numeric_columns(x: np.ndarray, network: Network) -> tuple[int, ...]:
    """Return the columns that the network's embedding is for.

    Args:
        x: Training rows (rows, features).
        network: Says whether there is an embedding.

    Returns:
        Columns with more than two values; none without an embedding.
    """
    if network.embedding == "none":
        return ()
    more = [len(np.unique(column)) > _INDICATOR for column in x.T]
    return tuple(int(i) for i in np.flatnonzero(more))


def adapt_embedding(model: MultiTaskModel, x: np.ndarray) -> None:
    """Show an embedding of a network of `build_network` the training rows.

    Args:
        model: The network, with or without an embedding.
        x: Training rows (rows, features).
    """
    names = {layer.name for layer in model.layers}
    if _NUMBERS in names:
        embedding = model.get_layer(_NUMBERS)
        if isinstance(embedding, PiecewiseLinearEmbedding):
            embedding.adapt(x[:, model.get_layer(_SELECTED).indices])


def _embedded(x: Any, features: int, numbers: Sequence[int], network: Network) -> Any:
    if network.embedding == "none" or not numbers:
        return x
    kind = (
        PiecewiseLinearEmbedding
        if network.embedding == "piecewise_linear"
        else PeriodicEmbedding
    )
    vectors = SelectColumns(numbers, name=_SELECTED)(x)
    vectors = kind(network.embedding_units, name=_NUMBERS)(vectors)
    vectors = keras.layers.Flatten(name="number_vectors")(vectors)
    others = [i for i in range(features) if i not in set(numbers)]
    if not others:
        return vectors
    rest = SelectColumns(others, name="other_columns")(x)
    return keras.layers.Concatenate(name="embedded")([vectors, rest])


def _features(
    tasks: Sequence[str], inputs: Any, network: Network, settings: Settings
) -> dict[str, Any]:
    """Return what the towers read."""
    if settings.sharing is None or len(tasks) == 1:
        for i, width in enumerate(network.trunk):
            inputs = _hidden(inputs, i, width, network, settings, f"trunk_{i}")
        return dict.fromkeys(tasks, inputs)
    numbers = count()

    def layer(level: int, width: int) -> Callable[[Any], Any]:
        name = f"trunk_{level}_{next(numbers)}"
        return lambda x: _hidden(x, level, width, network, settings, name)

    return _shared_features(
        settings.sharing, tasks, network.trunk, settings.batch_norm, layer, inputs
    )


def _hidden(
    x: Any, level: int, width: int, network: Network, settings: Settings, name: str
) -> Any:
    """Return a layer of the trunk, or of an expert."""
    kernel = _input_penalty(settings) if level == 0 else _penalty(settings)
    x = _dense(x, width, network.activation, settings, kernel, name)
    return _dropout(x, settings.dropout_trunk, f"{name}_dropout")


def _dense(
    x: Any, width: int, activation: str, settings: Settings, penalty: Any, name: str
) -> Any:
    dense = keras.layers.Dense(
        width,
        use_bias=not settings.batch_norm,
        kernel_regularizer=penalty,
        name=name,
    )
    x = dense(x)
    if settings.batch_norm:
        normalize = keras.layers.BatchNormalization(
            momentum=MOMENTUM, name=f"{name}_norm"
        )
        x = normalize(x)
    return keras.layers.Activation(activation, name=f"{name}_activation")(x)


def _dropout(x: Any, rate: float, name: str) -> Any:
    return keras.layers.Dropout(rate, name=name)(x) if rate else x


def _gated(x: Any, strength: float, name: str) -> Any:
    return HardConcreteGate(strength, name=name)(x) if strength else x


def _penalty(settings: Settings) -> keras.regularizers.Regularizer | None:
    """Return a new penalty for a kernel, or None."""
    if settings.elastic_net is not None:
        return regularizers.ElasticNet(*settings.elastic_net)
    if settings.regularizer is not None:
        penalty: keras.regularizers.Regularizer = instantiate(
            regularizers, settings.regularizer
        )
        return penalty
    if settings.l1:
        return regularizers.L1(settings.l1)
    return regularizers.L2(settings.l2) if settings.l2 else None


def _input_penalty(settings: Settings) -> keras.regularizers.Regularizer | None:
    """Return the first kernel's penalty; the input penalties stand in for L1."""
    if settings.group_lasso:
        return regularizers.GroupLasso(settings.group_lasso, groups="inputs")
    if settings.l1_inputs:
        ridge = settings.elastic_net[1] if settings.elastic_net else settings.l2
        if ridge:
            return regularizers.ElasticNet(settings.l1_inputs, ridge)
        return regularizers.L1(settings.l1_inputs)
    return _penalty(settings)


def _shared_features(
    options: Mapping[str, Any],
    tasks: Sequence[str],
    trunk: Sequence[int],
    batch_norm: bool,
    layer: Callable[[int, int], Callable[[Any], Any]],
    inputs: Any,
) -> dict[str, Any]:
    """Return each task's features from a sharing architecture.

    Args:
        options: The option `sharing`.
        tasks: Task names.
        trunk: Widths of the shared layers, where the option gives no `units`.
        batch_norm: Whether the attention of MTAN is batch-normalized.
        layer: Returns a new hidden layer, from its level and its width.
        inputs: What the first layers read.
    """
    cls: Any = ARCHITECTURES.named(options["name"])
    keywords = {k: v for k, v in options.items() if k not in ("name", "units")}
    if options["name"] == "mtan":
        keywords.setdefault("batch_norm", batch_norm)
    widths = options.get("units", trunk)
    if options["name"] == "sluice" and "units" not in options:
        # It mixes its layers at the end, so they have one width.
        widths = [trunk[-1]] * len(trunk)

    def level(index: int) -> Callable[[], Callable[[Any], Any]]:
        return lambda: layer(index, widths[index])

    levels = [level(index) for index in range(len(widths))]
    make: Any = levels if cls.layered else lambda: Block([one() for one in levels])
    architecture = cls(tasks, **keywords, make=make, name="sharing")
    features: dict[str, Any] = architecture(inputs)
    return features
