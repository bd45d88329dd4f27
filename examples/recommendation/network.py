"""The network: factorization and a small trunk, a linear part and biases per task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from rows import Catalog

from polytask import MultiTaskModel
from polytask.layers import (
    PLE,
    FrequencyAwareL2,
    MMoE,
    SelectColumns,
    SharedBottom,
)
from polytask.regularizers import L1, L21, GroupLasso

LEARNING_RATE = 3e-3
LOSSES = {
    "watch": "binary_crossentropy",
    "like": "binary_crossentropy",
    "rating": "mse",
}


@dataclass(frozen=True)
class Options:
    """What differs between the variants.

    Args:
        frequency_l2: Strength of the frequency-aware L2 of the embeddings; 0 for none.
        l1: Strength of L1 on every kernel that reads features; not with the next two.
        l21: Strength of L2,1 on the tasks' linear parts: a feature is dropped for all.
        factors: Strength of the group lasso on the rows of the maps from features to
            factors: a feature is dropped from the factors of all tasks.
        dimensions: Strength of the group lasso on the dimensions of the embeddings.
        dropout: Rate, before the heads.
        sharing: How the tasks share the trunk: `"hard"`, `"mmoe"` with three experts,
            or `"ple"` with one of each task's own and one shared expert.
        balancer: How the tasks' gradients are put together.
        dimension: Dimensions of the embeddings.
        units: Units of the trunk.
        members: Copies, each with its own start, order of rows and negatives, in one
            network that returns their mean.
        chooser: The variant of a network that is trained before, and whose columns of
            users and films are all that the members read.
    """

    frequency_l2: float = 0.0
    l1: float = 0.0
    l21: float = 0.0
    factors: float = 0.0
    dimensions: float = 0.0
    dropout: float = 0.0
    sharing: str = "hard"
    balancer: str = "equal"
    dimension: int = 32
    units: int = 32
    members: int = 1
    chooser: "Options | None" = None


def options_of(options: Options | Mapping[str, Options], task: str) -> Options:
    """Return what a task's network has, of options for all or of task → its own."""
    return options if isinstance(options, Options) else options[task]


def build(
    catalog: Catalog,
    tasks: tuple[str, ...],
    options: Options,
    columns: Mapping[str, Sequence[int]] | None = None,
) -> MultiTaskModel:
    """Return a member for some of the tasks, compiled.

    Args:
        catalog: The features, for their numbers.
        tasks: The tasks.
        options: The variant.
        columns: Input → positions of its columns that are read. Default: all.
    """
    ids = {n: keras.Input((1,), dtype="int32", name=n) for n in ("user", "item")}
    features = {
        f"{name}_features": keras.Input((columns,), name=f"{name}_features")
        for name, columns in (
            ("user", catalog.user.shape[1]),
            ("item", catalog.item.shape[1]),
            ("cross", len(catalog.cross_names)),
        )
    }
    tables = features
    if columns is not None:
        tables = {
            name: SelectColumns(columns[name], name=f"{name}_read")(table)
            for name, table in features.items()
            if columns[name]
        }
    counts = {
        "user": np.concatenate([[0], catalog.watched.sum(axis=1)]),
        "item": np.concatenate([[0], catalog.watched.sum(axis=0)]),
    }

    def embedded(name: str, dimension: int, part: str, start: Any) -> Any:
        table = layers.Embedding(
            len(counts[name]),
            dimension,
            embeddings_initializer=start,
            embeddings_regularizer=_table_penalty(options, dimension),
            name=f"{name}_{part}",
        )
        found = table(ids[name])
        if options.frequency_l2:
            penalty = FrequencyAwareL2(options.frequency_l2, counts=counts[name])
            found = penalty([ids[name], found])
        return layers.Flatten()(found)

    vectors = []
    for name in ("user", "item"):
        projection = layers.Dense(
            options.dimension,
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.05),
            kernel_regularizer=_rows_penalty(options.l1, options.factors),
            name=f"{name}_features_to_factors",
        )
        start = keras.initializers.RandomNormal(stddev=0.05)
        vector = embedded(name, options.dimension, "factors", start)
        if (read := tables.get(f"{name}_features")) is not None:
            vector = layers.Add()([vector, projection(read)])
        vectors.append(vector)
    product = layers.Multiply()(vectors)
    hidden = _trunk(tasks, options)(layers.Concatenate()(vectors))
    table = layers.Concatenate(name="features")(list(tables.values()))
    outputs, linear = {}, []
    for task in tasks:
        kernel = layers.Dense(
            1,
            use_bias=False,
            kernel_initializer="zeros",
            # With several tasks L2,1 couples their kernels: see `compile` below.
            kernel_regularizer=None
            if options.l21 and len(tasks) > 1
            else _rows_penalty(options.l1, options.l21),
            name=f"{task}_linear",
        )
        head = layers.Dense(
            1,
            bias_initializer=keras.initializers.Constant(_start(catalog, task)),
            name=f"{task}_head",
        )
        joined = layers.Concatenate()([product, hidden[task]])
        if options.dropout:
            joined = layers.Dropout(options.dropout, seed=0)(joined)
        parts = [
            head(joined),
            kernel(table),
            embedded("user", 1, f"{task}_bias", "zeros"),
            embedded("item", 1, f"{task}_bias", "zeros"),
        ]
        activation = "linear" if task == "rating" else "sigmoid"
        outputs[task] = layers.Activation(activation, name=task)(layers.Add()(parts))
        linear.append(kernel)
    model = MultiTaskModel({**ids, **features}, outputs)
    structure = None
    if options.l21 and len(tasks) > 1:
        structure = [(L21(options.l21), [layer.kernel for layer in linear])]
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        loss={task: LOSSES[task] for task in tasks},
        balancer=options.balancer if len(tasks) > 1 else "equal",
        task_structure=structure,
    )
    return model


def _trunk(tasks: tuple[str, ...], options: Options) -> Any:
    units = (options.units,)
    if options.sharing == "mmoe":
        return MMoE(tasks, experts=3, units=units, name="trunk")
    if options.sharing == "ple":
        return PLE(tasks, experts=1, shared_experts=1, units=units, name="trunk")
    return SharedBottom(tasks, units=units, name="trunk")


def _start(catalog: Catalog, task: str) -> float:
    """Return the bias at which a network without inputs is right on average."""
    if task == "watch":
        return 0.0
    mean = catalog.facts[task]
    return mean if task == "rating" else float(np.log(mean / (1 - mean)))


def _table_penalty(options: Options, dimension: int) -> Any:
    if options.dimensions and dimension > 1:
        return GroupLasso(options.dimensions, groups="units", scale_by_size=False)
    return None


def _rows_penalty(entries: float, rows: float) -> Any:
    """Return the penalty of a kernel that reads features."""
    if entries:
        return L1(entries)
    return GroupLasso(rows, groups="inputs", scale_by_size=False) if rows else None
