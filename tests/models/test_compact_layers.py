"""Compacting looks through the layers between the kernels, or leaves them alone."""

import keras
import numpy as np
import pytest
from keras import layers

from polytask.layers import ColumnGroupDropout, DropConnect, StochasticDepth
from polytask.models import MultiTaskModel
from polytask.models.compact import compact
from tests.helpers.compact_cases import (
    assert_same_predictions,
    layer_of,
    randomize,
    zero,
)


def test_a_trunk_that_is_a_nested_model_is_opened_up():
    trunk = keras.Sequential(
        [keras.Input((10,)), layers.Dense(8, "relu", name="d"), layers.Dropout(0.1)],
        name="trunk",
    )
    heads = {
        "a": keras.Sequential([layers.Dense(4, "relu", name="d"), layers.Dense(1)]),
        "b": layers.Dense(2, name="b"),
    }
    model = MultiTaskModel.from_trunk(trunk, heads, inputs=keras.Input((10,)))
    randomize(model)
    zero(trunk.layers[0].kernel, [2, 3])
    zero(trunk.layers[0].kernel, np.s_[:, 6])
    small = compact(model)
    assert not any(isinstance(layer, keras.Model) for layer in small.layers)
    assert layer_of(small, "d").kernel.shape == (8, 7)
    assert_same_predictions(model, small)


def test_concatenated_towers_lose_their_own_units():
    x = keras.Input((5,))
    names = ("left", "middle", "right")
    towers = [layers.Dense(3, "relu", name=name)(x) for name in names]
    together = layers.Concatenate()(towers)
    model = MultiTaskModel(x, {"y": layers.Dense(2, name="y")(together)})
    randomize(model)
    zero(layer_of(model, "y").kernel, [1, 5])
    small = compact(model)
    assert [layer_of(small, name).units for name in names] == [2, 2, 3]
    assert_same_predictions(model, small)
    zero(layer_of(model, "y").kernel, [0, 1, 2])
    small = compact(model)
    assert not any(layer.name == "left" for layer in small.layers)
    assert_same_predictions(model, small)


def test_a_residual_sum_keeps_a_column_that_any_operand_needs():
    x = keras.Input((5,))
    h = layers.Dense(6, name="h")(x)
    branch = layers.Dense(6, "relu", name="branch")(h)
    total = layers.Add()([h, branch])
    model = MultiTaskModel(
        x, {"a": layers.Dense(1, name="a")(total), "b": layers.Dense(1, name="b")(h)}
    )
    randomize(model)
    zero(layer_of(model, "a").kernel, [0, 1, 2])
    zero(layer_of(model, "b").kernel, [0, 1])
    zero(layer_of(model, "branch").kernel, [0, 1])
    small = compact(model)
    assert layer_of(small, "h").units == 4
    assert layer_of(small, "branch").units == 4
    assert_same_predictions(model, small)


def test_layer_normalization_needs_all_of_its_columns():
    x = keras.Input((5,))
    h = layers.Dense(6, name="h")(x)
    h = layers.LayerNormalization()(h)
    model = MultiTaskModel(x, {"y": layers.Dense(1, name="y")(h)})
    randomize(model)
    zero(layer_of(model, "y").kernel, [0, 1])
    zero(layer_of(model, "h").kernel, np.s_[0])
    small = compact(model)
    assert layer_of(small, "h").kernel.shape == (4, 6)
    assert_same_predictions(model, small)


def test_a_layer_that_is_called_twice_is_copied_whole():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, "relu", name="shared")
    both = layers.Concatenate()([shared(a), shared(b)])
    model = MultiTaskModel([a, b], {"y": layers.Dense(1, name="y")(both)})
    randomize(model)
    zero(shared.kernel, [0])
    zero(layer_of(model, "y").kernel, [0, 3])
    small = compact(model)
    assert layer_of(small, "shared").kernel.shape == (4, 3)
    assert_same_predictions(model, small)


def test_functions_and_unknown_layers_are_copied():
    x = keras.Input((4,))
    h = layers.Dense(3, name="h")(x)
    h = keras.ops.softmax(h * 2.0 + 1.0)
    h = layers.Lambda(lambda t: t - 0.5)(h)
    model = MultiTaskModel(x, {"y": layers.Dense(1, name="y")(h)})
    randomize(model)
    zero(layer_of(model, "h").kernel, [1])
    small = compact(model)
    assert layer_of(small, "h").kernel.shape == (3, 3)
    assert_same_predictions(model, small)


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_filters_are_removed_up_to_a_dense_head(padding):
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(6, 3, padding=padding, name="first")(x)
    h = layers.BatchNormalization()(h)
    h = layers.ReLU()(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(4, 2, padding=padding, activation="relu", name="second")(h)
    pooled = layers.GlobalAveragePooling2D()(h)
    flat = layers.Flatten()(h)
    model = MultiTaskModel(
        x,
        {
            "pooled": layers.Dense(1, name="pooled")(pooled),
            "flat": layers.Dense(1, name="flat")(flat),
        },
    )
    randomize(model)
    second = layer_of(model, "second")
    zero(second.kernel, np.s_[:, :, 4])
    zero(layer_of(model, "first").kernel, np.s_[..., 1])
    zero(layer_of(model, "pooled").kernel, [2])
    zero(layer_of(model, "flat").kernel, np.s_[2::4])
    small = compact(model)
    # A constant next to a padded border cannot become a bias.
    assert layer_of(small, "first").filters == (4 if padding == "valid" else 5)
    assert layer_of(small, "second").filters == 3
    assert_same_predictions(model, small)


@pytest.mark.slow
def test_an_image_model_with_a_constant_task_works():
    x = keras.Input((6, 6, 2))
    h = layers.Conv2D(3, 3, activation="relu", name="conv")(x)
    h = layers.GlobalMaxPooling2D()(h)
    model = MultiTaskModel(x, {"y": layers.Dense(2, name="y")(h)})
    randomize(model)
    zero(layer_of(model, "conv").kernel, np.s_[:])
    assert_same_predictions(model, compact(model))


def test_dropped_branches_weights_and_features_are_seen_through():
    x = keras.Input((5,))
    missing = [1.0, 2.0, 3.0, 4.0, 5.0]
    hidden = ColumnGroupDropout([[0, 1], [2, 3], [4]], 0.5, missing)(x)
    h = DropConnect(4, 0.5, activation="relu", name="h")(hidden)
    h = layers.Add()([h, StochasticDepth(0.5)(layers.Dense(4, name="branch")(h))])
    model = MultiTaskModel(x, {"y": layers.Dense(1, name="y")(h)})
    randomize(model)
    zero(layer_of(model, "h").kernel, [1, 2, 3])
    zero(layer_of(model, "y").kernel, [0])
    small = compact(model)
    assert_same_predictions(model, small)
    (hide,) = [v for v in small.layers if isinstance(v, ColumnGroupDropout)]
    assert (hide.groups, hide.missing) == ([[0], [1]], [1.0, 5.0])
    assert layer_of(small, "h").rate == 0.5
    assert layer_of(small, "h").kernel.shape == (2, 4)
