import keras
import numpy as np
import pytest

from polytask import MultiTaskModel
from polytask.errors import UserError
from polytask.layers import FrequencyAwareL2

COUNTS = np.array([40, 8, 1, 0, 4])
TABLE = np.arange(1.0, 16.0, dtype="float32").reshape(5, 3)


def network(strength, shape=(1,), mask_zero=False):
    """An embedding with the table above, and a head that reads its mean."""
    ids = keras.Input(shape, dtype="int32")
    table = keras.layers.Embedding(5, 3, mask_zero=mask_zero, name="table")
    vectors = FrequencyAwareL2(strength, counts=COUNTS)([ids, table(ids)])
    pooled = keras.layers.GlobalAveragePooling1D()(vectors)
    head = keras.layers.Dense(1, kernel_initializer="zeros", trainable=False)
    model = MultiTaskModel(ids, {"a": head(pooled)})
    table.embeddings.assign(TABLE)
    return model


def penalty(model):
    return sum(float(keras.ops.convert_to_numpy(loss)) for loss in model.losses)


def oracle(ids, strength, table=TABLE):
    distinct = np.unique(ids)
    n = np.maximum(COUNTS[distinct], 1)
    return strength / 2 * np.sum(np.sum(table[distinct] ** 2, axis=1) / n)


@pytest.mark.parametrize("shape", [(6,), (6, 1), (2, 3)])
def test_the_value_is_that_of_the_distinct_ids(shape):
    ids = np.array([0, 1, 1, 3, 1, 4]).reshape(shape)
    layer = FrequencyAwareL2(0.3, counts=COUNTS)
    passed = layer([ids, TABLE[ids]])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(passed), TABLE[ids])
    (loss,) = layer.losses
    np.testing.assert_allclose(float(loss), oracle(ids, 0.3), rtol=1e-6)


def test_a_step_decays_each_id_of_the_batch_by_its_count_and_no_other():
    model = network(strength=0.5)
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    ids = np.array([[1], [1], [1], [4], [3]])
    model.fit(ids, np.zeros((5, 1)), batch_size=5, epochs=1, verbose=0)
    decay = np.zeros(5)
    decay[[1, 3, 4]] = 0.1 * 0.5 / np.array([8, 1, 4])
    found = keras.ops.convert_to_numpy(model.get_layer("table").embeddings)
    np.testing.assert_allclose(found, TABLE * (1 - decay)[:, None], rtol=1e-6)


def test_over_an_epoch_of_single_rows_every_id_decays_alike():
    counts = [6, 3, 1]
    ids = np.repeat(np.arange(3), counts)[:, None]
    inputs = keras.Input((1,), dtype="int32")
    table = keras.layers.Embedding(3, 2, embeddings_initializer="ones")
    vectors = FrequencyAwareL2(0.01, counts=counts)([inputs, table(inputs)])
    head = keras.layers.Dense(1, kernel_initializer="zeros", trainable=False)
    outputs = head(keras.layers.Flatten()(vectors))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    model.fit(ids, np.zeros((10, 1)), batch_size=1, epochs=1, verbose=0)
    found = keras.ops.convert_to_numpy(table.embeddings)
    np.testing.assert_allclose(found, 1 - 0.1 * 0.01, rtol=5e-4)


def test_masked_positions_count_neither_as_ids_nor_as_occurrences():
    model = network(strength=0.5, shape=(3,), mask_zero=True)
    ids = np.array([[1, 0, 0], [1, 2, 0]])
    model(ids)
    np.testing.assert_allclose(penalty(model), oracle(np.array([1, 2]), 0.5), rtol=1e-6)


def test_a_model_with_it_is_saved_and_loaded(tmp_path):
    model = network(strength=0.25)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    ids = np.array([[2], [2], [4]])
    loaded(ids)
    np.testing.assert_allclose(penalty(loaded), oracle(ids, 0.25), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strength": -1.0, "counts": [1]}, "strength must be"),
        ({"counts": []}, "counts must be"),
        ({"counts": [3, -1]}, "counts must be"),
        ({"counts": [[1, 2]]}, "counts must be"),
        ({"counts": [1, np.nan]}, "counts must be"),
        ({"counts": ["many"]}, "counts must be"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        FrequencyAwareL2(**arguments)


def test_ids_and_embeddings_that_do_not_fit_are_refused():
    layer = FrequencyAwareL2(counts=[1, 2])
    with pytest.raises(UserError, match=r"call it on \[ids, embeddings\]"):
        layer([np.zeros((4, 1), "int32"), np.zeros((4, 3))])
