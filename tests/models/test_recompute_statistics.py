import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError, recompute_statistics
from polytask.layers import GhostBatchNormalization, TaskBatchNormalization

rng = np.random.default_rng(0)
ROWS = (rng.normal(size=(50, 3)) * [1, 5, 0.1] + [0, 10, -3]).astype("float32")


def as_numpy(x):
    return ops.convert_to_numpy(x)


def normalized(**options):
    x = keras.Input((3,))
    norm = layers.BatchNormalization(name="norm", **options)
    return keras.Model(x, norm(x)), norm


@pytest.mark.parametrize("batch_size", [7, 50])
def test_the_statistics_are_the_moments_of_all_rows(batch_size):
    model, norm = normalized()
    assert recompute_statistics(model, ROWS, batch_size) == ["norm"]
    np.testing.assert_allclose(as_numpy(norm.moving_mean), ROWS.mean(0), rtol=1e-5)
    np.testing.assert_allclose(as_numpy(norm.moving_variance), ROWS.var(0), rtol=1e-5)
    found = as_numpy(model(ROWS))
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)


def test_a_second_layer_sees_rows_that_the_first_has_normalized():
    x = keras.Input((3,))
    h = layers.BatchNormalization()(x)
    last = layers.BatchNormalization()
    model = keras.Model(x, last(layers.Dense(4, "relu")(h)))
    recompute_statistics(model, ROWS, 50)
    inner = keras.Model(x, last.input)
    reads = as_numpy(inner(ROWS))
    np.testing.assert_allclose(
        as_numpy(last.moving_mean), reads.mean(0), rtol=1e-4, atol=1e-5
    )


def test_dropout_does_not_act():
    x = keras.Input((3,))
    norm = layers.BatchNormalization()
    model = keras.Model(x, norm(layers.Dropout(0.5)(x)))
    recompute_statistics(model, ROWS)
    np.testing.assert_allclose(as_numpy(norm.moving_variance), ROWS.var(0), rtol=1e-5)


def test_each_task_has_the_moments_of_its_own_rows():
    task = (np.arange(50) % 2).astype("int32")
    task[7] = 2
    x, index = keras.Input((3,)), keras.Input((), dtype="int32")
    norm = TaskBatchNormalization(4)
    model = keras.Model([x, index], norm(x, index))
    recompute_statistics(model, [ROWS, task], 11)
    for k in range(2):
        own = ROWS[task == k]
        np.testing.assert_allclose(
            as_numpy(norm.moving_mean)[k], own.mean(0), rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(
            as_numpy(norm.moving_variance)[k], own.var(0), rtol=1e-4
        )
    # One row has no variance, and none has no mean.
    np.testing.assert_array_equal(as_numpy(norm.moving_mean)[2:], 0)
    np.testing.assert_array_equal(as_numpy(norm.moving_variance)[2:], 1)


def test_masked_steps_do_not_count():
    steps = rng.normal(size=(6, 5, 2)).astype("float32") + 3
    steps[:, 3:] = 0
    x = keras.Input((5, 2))
    norm = layers.BatchNormalization()
    model = keras.Model(x, norm(layers.Masking()(x)))
    recompute_statistics(model, steps)
    np.testing.assert_allclose(
        as_numpy(norm.moving_mean), steps[:, :3].mean((0, 1)), rtol=1e-5
    )


@pytest.mark.parametrize(
    "norm",
    [
        layers.BatchNormalization(axis=1),
        GhostBatchNormalization(2, axis=1),
        layers.BatchNormalization(axis=1, renorm=True),
    ],
    ids=["plain", "ghost", "renorm"],
)
def test_channels_may_come_first_and_the_layer_may_be_of_another_kind(norm):
    maps = rng.normal(size=(9, 2, 4)).astype("float32") * [[1], [3]]
    x = keras.Input((2, 4))
    model = keras.Model(x, norm(x))
    recompute_statistics(model, maps, 4)
    np.testing.assert_allclose(
        as_numpy(norm.moving_variance), maps.var((0, 2)), rtol=1e-4
    )
    if norm.renorm:
        deviation = np.sqrt(maps.var((0, 2)) + norm.epsilon)
        np.testing.assert_allclose(as_numpy(norm.renorm_stddev), deviation, rtol=1e-4)


def test_a_frozen_layer_keeps_its_statistics_and_training_goes_on_as_before():
    model, norm = normalized()
    norm.trainable = False
    assert recompute_statistics(model, ROWS) == []
    np.testing.assert_array_equal(as_numpy(norm.moving_mean), 0)
    norm.trainable = True
    recompute_statistics(model, ROWS)
    mean = as_numpy(norm.moving_mean)
    model(ROWS, training=False)
    np.testing.assert_array_equal(as_numpy(norm.moving_mean), mean)
    model(ROWS + 1, training=True)
    assert np.all(as_numpy(norm.moving_mean) > mean)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return ROWS[10 * index : 10 * index + 10], {"y": np.zeros(10)}


def test_a_network_of_several_tasks_takes_data_sets_and_nested_trunks():
    trunk = keras.Sequential([keras.Input((3,)), layers.BatchNormalization()])
    heads = {"a": layers.Dense(1), "b": layers.Dense(1)}
    model = MultiTaskModel.from_trunk(trunk, heads)
    recompute_statistics(model, Batches())
    np.testing.assert_allclose(
        as_numpy(trunk.layers[0].moving_mean), ROWS.mean(0), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ROWS[:0], "no rows"),
        ([ROWS, ROWS[:3]], r"one number of rows; found \[3, 50\]"),
    ],
)
def test_wrong_data_are_refused(data, message):
    model, _ = normalized()
    with pytest.raises(UserError, match=message):
        recompute_statistics(model, data)
