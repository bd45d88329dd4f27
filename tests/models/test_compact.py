import keras
import numpy as np
import pytest
from keras import layers

from polytask.errors import UserError
from polytask.layers import SelectColumns
from polytask.models import MultiTaskModel
from polytask.models.compact import compact
from tests.helpers.compact_cases import (
    assert_same_predictions,
    data,
    layer_of,
    predicted,
    randomize,
    zero,
)


def dense_model():
    x = keras.Input((10,), name="table")
    h = layers.Dense(8, activation="relu", name="first")(x)
    h = layers.BatchNormalization(name="norm")(h)
    h = layers.Dropout(0.5, name="dropout")(h)
    h = layers.Dense(6, activation="tanh", name="second")(h)
    outputs = {
        "price": layers.Dense(1, name="price")(h),
        "kind": layers.Dense(3, activation="softmax", name="kind")(h),
    }
    model = MultiTaskModel(x, outputs, name="dense_model")
    randomize(model)
    return model


def test_inputs_that_no_unit_reads_are_selected_away():
    model = dense_model()
    zero(layer_of(model, "first").kernel, [1, 4, 7])
    small = compact(model)
    assert layer_of(small, "table_columns").indices == (0, 2, 3, 5, 6, 8, 9)
    assert small.count_params() == model.count_params() - 3 * 8
    assert small.input_shape == model.input_shape
    assert_same_predictions(model, small)


def test_without_selection_the_input_has_the_used_columns_only():
    model = dense_model()
    zero(layer_of(model, "first").kernel, [1, 4, 7])
    small = compact(model, select_inputs=False)
    assert small.input_shape == (None, 7)
    assert not any(isinstance(layer, SelectColumns) for layer in small.layers)
    assert_same_predictions(model, small, ~model.sparsity().unused_inputs)


def test_a_unit_that_nothing_reads_is_removed_with_its_batch_norm():
    model = dense_model()
    zero(layer_of(model, "second").kernel, [2, 3])
    small = compact(model)
    assert layer_of(small, "first").units == 6
    assert layer_of(small, "norm").gamma.shape == (6,)
    assert_same_predictions(model, small)


def test_a_unit_without_incoming_weights_goes_into_the_next_bias():
    model = dense_model()
    zero(layer_of(model, "first").kernel, np.s_[:, [0, 5]])
    small = compact(model)
    assert layer_of(small, "first").units == 6
    assert layer_of(small, "second").kernel.shape == (6, 6)
    assert_same_predictions(model, small)


def test_a_constant_unit_gives_a_bias_to_a_layer_without_one():
    x = keras.Input((4,))
    h = layers.Dense(5, name="hidden")(x)
    model = MultiTaskModel(x, {"y": layers.Dense(3, use_bias=False, name="y")(h)})
    randomize(model)
    zero(layer_of(model, "hidden").kernel, np.s_[:, 2])
    small = compact(model)
    assert layer_of(small, "y").use_bias
    assert small.count_params() < model.count_params()
    assert_same_predictions(model, small)


def test_constants_spread_through_several_layers():
    model = dense_model()
    zero(layer_of(model, "first").kernel, np.s_[:, :7])
    zero(layer_of(model, "second").kernel, np.s_[7, :4])
    small = compact(model)
    assert layer_of(small, "first").units == 1
    assert layer_of(small, "second").units == 2
    assert_same_predictions(model, small)


def test_a_batch_norm_column_with_gamma_zero_is_constant():
    model = dense_model()
    zero(layer_of(model, "norm").gamma, [0, 3, 4])
    small = compact(model)
    assert layer_of(small, "first").units == 5
    assert_same_predictions(model, small)


def test_a_task_whose_output_is_constant_keeps_its_bias_alone():
    x = keras.Input((6,), name="table")
    towers = {
        task: layers.Dense(4, activation="relu", name=f"{task}_tower")(x)
        for task in ("dull", "live")
    }
    outputs = {t: layers.Dense(1, name=t)(tower) for t, tower in towers.items()}
    model = MultiTaskModel(x, outputs)
    randomize(model)
    zero(layer_of(model, "dull").kernel, np.s_[:])
    zero(layer_of(model, "live_tower").kernel, [0, 1])
    for select, columns in ((True, None), (False, [2, 3, 4, 5])):
        small = compact(model, select_inputs=select)
        assert not any(layer.name == "dull_tower" for layer in small.layers)
        assert layer_of(small, "dull").kernel.shape == (1, 1)
        assert_same_predictions(model, small, columns)


def test_a_constant_task_keeps_nothing_of_what_it_read():
    x = keras.Input((4,), name="table")
    mixed = layers.LayerNormalization()(layers.Dense(4)(x))
    h = layers.Maximum()([x, mixed])
    model = MultiTaskModel(
        x, {"dull": layers.Dense(1, name="dull")(h), "live": layers.Dense(1)(x)}
    )
    randomize(model)
    zero(layer_of(model, "dull").kernel, np.s_[:])
    zero(model.layers[-1].kernel, [0, 1, 3])
    small = compact(model)
    assert layer_of(small, "table_columns").indices == (2,)
    assert small.count_params() == 4
    assert_same_predictions(model, small)


@pytest.mark.parametrize("select", [True, False])
def test_a_model_of_constant_tasks_reads_one_column(select):
    model = dense_model()
    zero(layer_of(model, "first").kernel, np.s_[:])
    small = compact(model, select_inputs=select)
    assert small.input_shape == (None, 10 if select else 1)
    assert_same_predictions(model, small, None if select else [0])


def test_inputs_of_a_dict_keep_their_names():
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    h = layers.Concatenate()([layers.Dense(2, name="da")(a), layers.Dense(2)(b)])
    model = MultiTaskModel({"a": a, "b": b}, {"y": layers.Dense(1, name="y")(h)})
    randomize(model)
    zero(layer_of(model, "da").kernel, [0, 2])
    small = compact(model)
    x = dict(zip(("a", "b"), data(model), strict=True))
    np.testing.assert_allclose(
        predicted(small, x)["y"], predicted(model, x)["y"], rtol=1e-5
    )


def test_standardization_of_the_inputs_is_cut_with_them():
    x = keras.Input((5,))
    standardize = layers.Normalization()
    standardize.adapt(np.random.default_rng(0).normal(3.0, 2.0, size=(50, 5)))
    h = layers.PReLU()(layers.Dense(4, name="h")(standardize(x)))
    model = MultiTaskModel(x, {"y": layers.Dense(1, name="y")(h)})
    for layer in model.layers[2:]:
        randomize(layer)
    zero(layer_of(model, "h").kernel, [0, 4])
    zero(layer_of(model, "y").kernel, [1])
    small = compact(model, select_inputs=False)
    assert small.input_shape == (None, 3)
    assert_same_predictions(model, small, [1, 2, 3])


def test_the_original_model_is_left_as_it_was():
    model = dense_model()
    zero(layer_of(model, "first").kernel, [1, 4])
    weights = [w.copy() for w in model.get_weights()]
    config = model.get_config()
    small = compact(model)
    assert model.get_config() == config
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    mine = {id(v) for v in model.variables}
    assert not mine & {id(v) for v in small.variables}


def test_the_small_model_is_saved_loaded_trained_and_compacted_again(tmp_path):
    model = dense_model()
    zero(layer_of(model, "first").kernel, [1, 4])
    zero(layer_of(model, "second").kernel, [2])
    small = compact(model)
    small.save(tmp_path / "small.keras")
    loaded = keras.models.load_model(tmp_path / "small.keras")
    assert type(loaded) is MultiTaskModel
    assert_same_predictions(model, loaded)
    again = compact(loaded)
    assert again.count_params() == small.count_params()
    assert_same_predictions(model, again)
    loaded.compile("sgd", loss={"price": "mse", "kind": None})
    (x,) = data(loaded)
    loaded.fit(x, {"price": x[:, :1]}, epochs=1, verbose=0)


def test_a_model_without_zeros_stays_the_same_size():
    model = dense_model()
    small = compact(model)
    assert small.count_params() == model.count_params()
    assert not any(isinstance(layer, SelectColumns) for layer in small.layers)
    assert_same_predictions(model, small)


def test_a_sequential_model_is_accepted():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, name="y")])
    zero(model.layers[0].kernel, [1])
    small = compact(model)
    assert small.task_names == ["y"]
    assert small.count_params() == 3


def test_a_model_without_a_graph_is_refused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(UserError, match="no known graph"):
        compact(Own(name="own"))


@pytest.mark.parametrize("indices", [[], [-1], [0.5]])
def test_select_columns_refuses_indices_that_are_no_positions(indices):
    with pytest.raises(UserError, match="indices must be integers from 0"):
        SelectColumns(indices)


def test_select_columns_refuses_a_column_that_does_not_exist():
    with pytest.raises(UserError, match="index 5 is beyond the last of 3 columns"):
        SelectColumns([0, 5])(np.zeros((2, 3)))
