import keras
import numpy as np
from keras import layers

from polytask import MultiTaskModel, compact
from polytask.layers import FrequencyAwareL2

IDS = [np.array([[0], [3], [3], [2]]), np.array([[5], [1], [0], [5]])]


def factorization():
    """Two tables of six dimensions, multiplied; two heads read the product."""
    user = keras.Input((1,), dtype="int32", name="user")
    item = keras.Input((1,), dtype="int32", name="item")
    vectors = []
    for ids, rows in ((user, 4), (item, 6)):
        found = layers.Embedding(rows, 6, "uniform", name=f"{ids.name}_table")(ids)
        found = FrequencyAwareL2(1e-2, counts=np.ones(rows))([ids, found])
        vectors.append(layers.Flatten()(found))
    product = layers.Multiply()(vectors)
    outputs = {task: layers.Dense(1, name=task)(product) for task in "ab"}
    return MultiTaskModel({"user": user, "item": item}, outputs)


def set_zero(variable, index):
    value = keras.ops.convert_to_numpy(variable).copy()
    value[index] = 0.0
    variable.assign(value)


def assert_same(model, small):
    x = dict(zip(("user", "item"), IDS, strict=True))
    expected, found = model.predict(x, verbose=0), small.predict(x, verbose=0)
    for task in expected:
        np.testing.assert_allclose(found[task], expected[task], rtol=1e-5, atol=1e-7)


def test_a_dimension_that_is_zero_in_one_table_leaves_both():
    model = factorization()
    set_zero(model.get_layer("user_table").embeddings, np.s_[:, [1, 4]])
    set_zero(model.get_layer("item_table").embeddings, np.s_[:, 2])
    small = compact(model)
    assert small.get_layer("user_table").embeddings.shape == (4, 3)
    assert small.get_layer("item_table").embeddings.shape == (6, 3)
    assert small.count_params() == 3 * (4 + 6) + 2 * (3 + 1)
    assert_same(model, small)


def test_a_dimension_that_no_head_reads_leaves_both_tables():
    model = factorization()
    set_zero(model.get_layer("a").kernel, [0, 3])
    set_zero(model.get_layer("b").kernel, [0, 5])
    small = compact(model)
    assert small.get_layer("item_table").embeddings.shape == (6, 5)
    assert_same(model, small)


def test_a_dimension_with_one_value_for_all_ids_becomes_a_bias():
    ids = keras.Input((1,), dtype="int32")
    found = layers.Flatten()(layers.Embedding(4, 3, "uniform", name="table")(ids))
    model = MultiTaskModel(ids, {"a": layers.Dense(1, name="a")(found)})
    table = model.get_layer("table").embeddings
    table.assign(np.array([[1.0, 7.0, 2.0], [3.0, 7.0, 1.0]] * 2))
    expected = model.predict(IDS[0], verbose=0)["a"]
    small = compact(model)
    assert small.get_layer("table").embeddings.shape == (4, 2)
    found = small.predict(IDS[0], verbose=0)["a"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_penalty_goes_on_in_the_smaller_model():
    model = factorization()
    set_zero(model.get_layer("user_table").embeddings, np.s_[:, 1])
    set_zero(model.get_layer("item_table").embeddings, np.s_[:, 1])
    x = dict(zip(("user", "item"), IDS, strict=True))
    small = compact(model)
    values = []
    for network in (model, small):
        network(x)
        values.append(sum(float(keras.ops.convert_to_numpy(v)) for v in network.losses))
    np.testing.assert_allclose(values[1], values[0], rtol=1e-5)
