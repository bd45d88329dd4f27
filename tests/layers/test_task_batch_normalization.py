import keras
import numpy as np
import pytest
from keras import ops

from polytask import MultiTaskModel, UserError
from polytask.layers import TaskBatchNormalization
from polytask.testing import LayerContract

rng = np.random.default_rng(0)
# Each task has moments of its own.
TASKS = np.array([0, 1, 1, 0, 2, 1, 0, 2, 2, 1], "int32")
ROWS = (rng.normal(size=(10, 4)) * (1 + TASKS[:, None]) + 5 * TASKS[:, None]).astype(
    "float32"
)
PICTURES = (rng.normal(size=(10, 3, 2, 4)) + TASKS[:, None, None, None]).astype(
    "float32"
)


class TestContract(LayerContract):
    def make(self):
        return TaskBatchNormalization(3)

    def arguments(self):
        return [PICTURES, TASKS]


class TestContractWithSharedAffine(LayerContract):
    def make(self):
        return TaskBatchNormalization(3, shared_affine=True, momentum=0.5)

    def arguments(self):
        return [ROWS, TASKS]


def numpy_forward(x, task, gamma, beta, epsilon=1e-3):
    """Return normalized values, batch means and unbiased batch variances by task."""
    out = np.empty_like(x)
    axes = tuple(range(x.ndim - 1))
    means, variances = [], []
    for k in range(len(gamma)):
        own = x[task == k]
        mean, variance = own.mean(axis=axes), own.var(axis=axes)
        out[task == k] = (own - mean) / np.sqrt(variance + epsilon)
        out[task == k] = out[task == k] * gamma[k] + beta[k]
        count = own[..., 0].size
        means.append(mean)
        variances.append(variance * count / (count - 1))
    return out, np.array(means), np.array(variances)


@pytest.mark.parametrize("x", [ROWS, PICTURES], ids=["table", "pictures"])
@pytest.mark.parametrize("task", [TASKS, TASKS[:, None]], ids=["flat", "column"])
def test_rows_of_several_tasks_are_each_normalized_with_their_own(x, task):
    layer = TaskBatchNormalization(3, momentum=0.8)
    layer(x, task)
    gamma, beta = rng.normal(size=(2, 3, 4)).astype("float32")
    layer.set_weights([gamma, beta, np.zeros((3, 4)), np.ones((3, 4))])
    found = ops.convert_to_numpy(layer(x, task, training=True))
    expected, means, variances = numpy_forward(x, TASKS, gamma, beta)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.moving_mean), 0.2 * means, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.moving_variance),
        0.8 + 0.2 * variances,
        rtol=1e-5,
    )


def test_inference_uses_the_moving_statistics_of_the_row_s_task():
    layer = TaskBatchNormalization(3)
    layer(ROWS, TASKS)
    gamma, beta, mean = rng.normal(size=(3, 3, 4)).astype("float32")
    variance = rng.uniform(0.5, 2, size=(3, 4)).astype("float32")
    layer.set_weights([gamma, beta, mean, variance])
    expected = (ROWS - mean[TASKS]) / np.sqrt(variance[TASKS] + 1e-3)
    expected = expected * gamma[TASKS] + beta[TASKS]
    found = ops.convert_to_numpy(layer(ROWS, TASKS, training=False))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_with_one_task_it_is_keras_batch_normalization():
    ours, keras_own = TaskBatchNormalization(1), keras.layers.BatchNormalization()
    nobody = np.zeros(10, "int32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours(PICTURES, nobody, training=True)),
        ops.convert_to_numpy(keras_own(PICTURES, training=True)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_no_task_depends_on_the_rows_of_another():
    other = np.where((TASKS == 1)[:, None], 100 * ROWS, ROWS)
    layer = TaskBatchNormalization(3)
    first = ops.convert_to_numpy(layer(ROWS, TASKS, training=True))
    second = ops.convert_to_numpy(layer(other, TASKS, training=True))
    np.testing.assert_allclose(first[TASKS != 1], second[TASKS != 1], rtol=1e-5)


def test_the_statistics_of_a_task_without_rows_stay_as_they_are():
    layer = TaskBatchNormalization(4, momentum=0.5)
    layer(ROWS, TASKS, training=True)
    assert ops.convert_to_numpy(layer.moving_mean)[3].tolist() == [0, 0, 0, 0]
    assert ops.convert_to_numpy(layer.moving_variance)[3].tolist() == [1, 1, 1, 1]


def test_a_single_row_is_normalized_by_the_moving_statistics():
    layer = TaskBatchNormalization(2, momentum=0.5)
    task = np.array([0, 0, 0, 1], "int32")
    found = ops.convert_to_numpy(layer(ROWS[:4], task, training=True))
    np.testing.assert_allclose(found[3], ROWS[3] / np.sqrt(1 + 1e-3), rtol=1e-5)
    assert ops.convert_to_numpy(layer.moving_variance)[1].tolist() == [1, 1, 1, 1]


def test_shared_affine_has_one_scale_and_shift():
    layer = TaskBatchNormalization(3, shared_affine=True)
    layer(ROWS, TASKS)
    gamma, beta = rng.normal(size=(2, 1, 4)).astype("float32")
    layer.set_weights([gamma, beta, np.zeros((3, 4)), np.ones((3, 4))])
    found = ops.convert_to_numpy(layer(ROWS, TASKS, training=True))
    expected, _, _ = numpy_forward(
        ROWS, TASKS, np.repeat(gamma, 3, 0), np.repeat(beta, 3, 0)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_masked_steps_count_in_no_moment():
    steps = rng.normal(size=(6, 5, 2)).astype("float32") + 3
    steps[:, 3:] = 0
    task = np.array([0, 0, 0, 1, 1, 1], "int32")
    x, index = keras.Input((5, 2)), keras.Input((), dtype="int32")
    layer = TaskBatchNormalization(2, momentum=0.0)
    model = keras.Model([x, index], layer(keras.layers.Masking()(x), index))
    model([steps, task], training=True)
    means = [steps[task == k, :3].mean(axis=(0, 1)) for k in range(2)]
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.moving_mean), means, rtol=1e-5
    )


def test_frozen_it_uses_and_keeps_the_moving_statistics():
    layer = TaskBatchNormalization(3)
    layer.trainable = False
    found = ops.convert_to_numpy(layer(ROWS, TASKS, training=True))
    np.testing.assert_allclose(found, ROWS / np.sqrt(1 + 1e-3), rtol=1e-5)
    assert not ops.convert_to_numpy(layer.moving_mean).any()


def test_a_row_with_an_unknown_task_comes_out_as_nan_and_no_other_does():
    layer = TaskBatchNormalization(2)
    found = ops.convert_to_numpy(layer(ROWS, TASKS, training=True))
    assert np.isnan(found).any(axis=1).tolist() == (TASKS == 2).tolist()
    assert np.all(np.isfinite(ops.convert_to_numpy(layer.moving_mean)))


def test_it_trains_in_a_multi_task_model_once_a_step():
    x, index = keras.Input((4,)), keras.Input((), dtype="int32")
    layer = TaskBatchNormalization(3, momentum=0.5)
    h = layer(x, index)
    model = MultiTaskModel([x, index], {t: keras.layers.Dense(1)(h) for t in "ab"})
    model.compile("sgd", loss="mse", balancer="mgda")
    targets = {"a": ROWS[:, 0], "b": ROWS[:, 1]}
    model.fit([ROWS, TASKS], targets, batch_size=10, verbose=0)
    means = [ROWS[k == TASKS].mean(axis=0) / 2 for k in range(3)]
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.moving_mean), means, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_tasks": 0}, "num_tasks must be an integer, at least 1; found 0"),
        ({"num_tasks": 2, "momentum": 1.0}, r"momentum must lie in \[0, 1\)"),
        ({"num_tasks": 2, "epsilon": 0}, "epsilon must be above 0; found 0"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        TaskBatchNormalization(**options)
