import keras
import numpy as np
import pytest
from keras import layers

from polytask.errors import UserError
from polytask.layers import SelectColumns
from polytask.models import MultiTaskModel
from polytask.models.compact import compact

RNG = np.random.default_rng(0)


def randomize(model, seed=0):
    """Give every weight a value that is neither 0 nor 1, as training would."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        value = rng.normal(size=variable.shape)
        variable.assign(np.abs(value) + 0.5 if "variance" in variable.name else value)


def zero(variable, index):
    value = keras.ops.convert_to_numpy(variable).copy()
    value[index] = 0.0
    variable.assign(value)


def data(model, rows=16, seed=1):
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(rows, *t.shape[1:])).astype("float32") for t in model.inputs
    ]


def assert_same_predictions(model, small, columns=None):
    arrays = data(model)
    given = arrays if columns is None else [x[..., columns] for x in arrays]
    expected = predicted(model, arrays if len(arrays) > 1 else arrays[0])
    found = predicted(small, given if len(given) > 1 else given[0])
    assert small.task_names == model.task_names
    for task, values in expected.items():
        scale = np.abs(values).max()
        np.testing.assert_allclose(found[task], values, rtol=1e-6, atol=1e-6 * scale)


def predicted(model, x):
    outputs = model(x, training=False)
    return {task: keras.ops.convert_to_numpy(y) for task, y in outputs.items()}


def layer_of(model, name):
    return next(layer for layer in model.layers if layer.name == name)


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


def test_an_image_model_with_a_constant_task_works():
    x = keras.Input((6, 6, 2))
    h = layers.Conv2D(3, 3, activation="relu", name="conv")(x)
    h = layers.GlobalMaxPooling2D()(h)
    model = MultiTaskModel(x, {"y": layers.Dense(2, name="y")(h)})
    randomize(model)
    zero(layer_of(model, "conv").kernel, np.s_[:])
    assert_same_predictions(model, compact(model))


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
    standardize.adapt(RNG.normal(3.0, 2.0, size=(50, 5)))
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
    loaded.compile("sgd", loss={"price": "mse"})
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
