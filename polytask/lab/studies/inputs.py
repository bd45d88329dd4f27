"""How the columns of a design matrix enter a network of `build_network`."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from polytask.errors import UserError, nearest
from polytask.lab.tables import FeatureColumns
from polytask.layers import (
    ColumnGroupDropout,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    SelectColumns,
)
from polytask.models import MultiTaskModel
from polytask_options import Network

# A column with so few values says yes or no; its vector would be a line.
_INDICATOR = 2

# Names of layers.
_NUMBERS, _SELECTED, _OTHERS = "numbers", "number_columns", "other_columns"


def columns_hidden(x: Any, rate: float, columns: FeatureColumns) -> Any:
    """Return the inputs with whole columns of the table hidden in training.

    Args:
        x: The inputs (rows, features).
        rate: Share of the columns that is hidden.
        columns: The table's columns behind the features.
    """
    if not rate:
        return x
    groups: dict[str, list[int]] = {}
    for index, source in enumerate(columns.sources):
        groups.setdefault(source, []).append(index)
    hide = ColumnGroupDropout(
        list(groups.values()), rate, columns.missing or 0.0, name="column_dropout"
    )
    return hide(x)


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


def embedded_columns(model: MultiTaskModel) -> tuple[int, ...]:
    """Return the columns for which a network of `build_network` has an embedding."""
    names = {layer.name for layer in model.layers}
    return tuple(model.get_layer(_SELECTED).indices) if _SELECTED in names else ()


def value_edges(model: MultiTaskModel) -> int:
    """Return of how many values the network's embedding has room for an edge each."""
    if not embedded_columns(model):
        return 0
    return int(getattr(model.get_layer(_NUMBERS), "values", 0))


def adapt_embedding(model: MultiTaskModel, x: np.ndarray) -> None:
    """Show an embedding of a network of `build_network` the training rows.

    Args:
        model: The network, with or without an embedding.
        x: Training rows (rows, features).
    """
    columns = embedded_columns(model)
    if columns:
        embedding = model.get_layer(_NUMBERS)
        if isinstance(embedding, PiecewiseLinearEmbedding):
            embedding.adapt(x[:, columns])


def additive_columns(columns: FeatureColumns, network: Network) -> tuple[int, ...]:
    """Return the features that go past the trunk.

    Args:
        columns: The table's columns behind the features.
        network: Names the columns that do.

    Raises:
        UserError: If a column is no input, or none is left for the trunk.
    """
    names = network.additive
    if not names:
        return ()
    sources = columns.sources
    for name in names:
        if name not in sources:
            raise UserError(
                f"additive names the column {name!r}, which is no input."
                f"{nearest(name, sources)}"
            )
    past = tuple(i for i, source in enumerate(sources) if source in names)
    if len(past) == len(sources):
        raise UserError("additive leaves the trunk no column.")
    return past


def embedded(
    x: Any,
    features: int,
    additive: Sequence[int],
    numbers: Sequence[int],
    network: Network,
) -> Any:
    """Return what the trunk reads.

    Args:
        x: The inputs (rows, features).
        features: How many there are.
        additive: Those that it does not read.
        numbers: Those that get an embedding, where the network has one.
        network: Says which embedding.
    """
    past = set(additive)
    read = [i for i in range(features) if i not in past]
    numbers = [i for i in numbers if i not in past]
    if network.embedding == "none" or not numbers:
        return selected(x, read, _OTHERS) if past else x
    vectors = selected(x, numbers, _SELECTED)
    if network.embedding == "piecewise_linear":
        vectors = PiecewiseLinearEmbedding(
            network.embedding_units,
            network.embedding_bins,
            network.embedding_values,
            name=_NUMBERS,
        )(vectors)
    else:
        vectors = PeriodicEmbedding(network.embedding_units, name=_NUMBERS)(vectors)
    vectors = keras.layers.Flatten(name="number_vectors")(vectors)
    others = sorted(set(read).difference(numbers))
    if not others:
        return vectors
    rest = selected(x, others, _OTHERS)
    return keras.layers.Concatenate(name="embedded")([vectors, rest])


def selected(x: Any, columns: Sequence[int], name: str) -> Any:
    """Return some features of the inputs.

    Args:
        x: The inputs (rows, features).
        columns: Their numbers.
        name: Of the layer.
    """
    return SelectColumns(columns, name=name)(x)
