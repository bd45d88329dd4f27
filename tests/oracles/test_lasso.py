"""Lasso problems, whose zeros and coefficients scikit-learn gives to machine precision.

Keras's mean squared error has no 1/2, so a penalty β goes with scikit-learn's α = β/2.
"""

import keras
import numpy as np
import pytest
from keras.optimizers.schedules import CosineDecay
from sklearn.linear_model import ElasticNet, Lasso

from polytask.models import MultiTaskModel

ROWS, COLUMNS, STEPS = 120, 20, 300
ALPHA = 0.15
EXACT = {"fit_intercept": False, "tol": 1e-12, "max_iter": 100_000}

# One batch is the whole table. The learning rate of the adaptive optimizers must fade,
# or weights near zero keep flickering; SGD reaches the solution with a constant one.
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.2),
    "sgd decayed": lambda: keras.optimizers.SGD(CosineDecay(0.2, STEPS)),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "momentum decayed": lambda: keras.optimizers.SGD(
        CosineDecay(0.05, STEPS), momentum=0.9
    ),
    "nesterov decayed": lambda: keras.optimizers.SGD(
        CosineDecay(0.05, STEPS), momentum=0.9, nesterov=True
    ),
    "adam": lambda: keras.optimizers.Adam(CosineDecay(0.1, STEPS)),
    "amsgrad": lambda: keras.optimizers.Adam(CosineDecay(0.1, STEPS), amsgrad=True),
    "adamw": lambda: keras.optimizers.AdamW(CosineDecay(0.1, STEPS), weight_decay=0.0),
    "nadam": lambda: keras.optimizers.Nadam(CosineDecay(0.1, STEPS)),
    "adamax": lambda: keras.optimizers.Adamax(CosineDecay(0.2, STEPS)),
    "rmsprop": lambda: keras.optimizers.RMSprop(CosineDecay(0.1, STEPS)),
    "rmsprop momentum": lambda: keras.optimizers.RMSprop(
        CosineDecay(0.01, STEPS), momentum=0.9
    ),
    "adagrad": lambda: keras.optimizers.Adagrad(CosineDecay(0.5, STEPS)),
}


def problem(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, COLUMNS)).astype("float32")
    truth = np.zeros(COLUMNS)
    truth[:5] = rng.permutation([2.0, -1.5, 1.0, 0.5, -0.25])
    return x, (x @ truth + 0.5 * rng.normal(size=ROWS)).astype("float32")


def linear_model(tasks=("y",), regularizer=None):
    inputs = keras.Input((COLUMNS,))
    outputs = {
        task: keras.layers.Dense(
            1,
            use_bias=False,
            kernel_regularizer=regularizer or keras.regularizers.L1(2 * ALPHA),
            name=task,
        )(inputs)
        for task in tasks
    }
    return MultiTaskModel(inputs, outputs)


def train(model, optimizer, x, y, steps=STEPS, batch=ROWS):
    """Train on the rows, as often as it takes, in batches that are never shuffled."""
    model.compile(optimizer, loss="mse")
    times = -(-steps * batch // ROWS)
    repeated = {task: np.tile(values, times) for task, values in y.items()}
    rows = np.tile(x, (times, 1))
    model.fit(rows, repeated, batch_size=batch, shuffle=False, verbose=0)


def coefficients(model, task="y"):
    return keras.ops.convert_to_numpy(model.get_layer(task).kernel)[:, 0]


def reference(x, y, estimator=None):
    labeled = ~np.isnan(y)
    estimator = estimator or Lasso(ALPHA, **EXACT)
    return estimator.fit(
        x[labeled].astype("float64"), y[labeled].astype("float64")
    ).coef_


def assert_same(found, expected, tolerance):
    assert 0 < np.sum(expected == 0) < COLUMNS
    np.testing.assert_array_equal(found == 0, expected == 0)
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zeros_and_coefficients_are_those_of_the_lasso(name):
    x, y = problem()
    model = linear_model()
    train(model, OPTIMIZERS[name](), x, {"y": y})
    tolerance = 1e-5 if "sgd" in name else 1e-4
    assert_same(coefficients(model), reference(x, y), tolerance)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_zeros_and_coefficients_are_those_of_the_elastic_net(name):
    x, y = problem()
    share = 0.6
    penalty = keras.regularizers.L1L2(2 * ALPHA * share, ALPHA * (1 - share))
    model = linear_model(regularizer=penalty)
    train(model, OPTIMIZERS[name](), x, {"y": y})
    expected = reference(x, y, ElasticNet(ALPHA, l1_ratio=share, **EXACT))
    assert_same(coefficients(model), expected, 1e-4)


@pytest.mark.two_backends
@pytest.mark.parametrize("name", ["sgd", "momentum decayed", "adam"])
def test_each_head_is_the_lasso_of_its_own_labeled_rows(name):
    x, a = problem()
    _, b = problem(seed=1)
    rng = np.random.default_rng(2)
    a[rng.permutation(ROWS)[: ROWS // 2]] = np.nan
    b[rng.permutation(ROWS)[: ROWS // 2]] = np.nan
    model = linear_model(("a", "b"))
    train(model, OPTIMIZERS[name](), x, {"a": a, "b": b})
    assert_same(coefficients(model, "a"), reference(x, a), 1e-4)
    assert_same(coefficients(model, "b"), reference(x, b), 1e-4)


def test_a_task_that_is_often_absent_trains_as_if_it_were_alone():
    x, a = problem()
    _, b = problem(seed=1)
    alone, together = linear_model(("b",)), linear_model(("a", "b"))
    together.get_layer("b").set_weights(alone.get_layer("b").get_weights())
    train(alone, OPTIMIZERS["momentum"](), x, {"b": b}, steps=30)
    # Every second batch has labels of both tasks, the others of the first alone.
    labels = {
        "a": np.tile(a, 60),
        "b": np.tile(np.concatenate([b, np.full(ROWS, np.nan, "float32")]), 30),
    }
    together.compile(OPTIMIZERS["momentum"](), loss="mse")
    rows = np.tile(x, (60, 1))
    together.fit(rows, labels, batch_size=ROWS, shuffle=False, verbose=0)
    found = coefficients(together, "b")
    assert 0 < np.sum(found == 0) < COLUMNS
    np.testing.assert_allclose(found, coefficients(alone, "b"), atol=1e-6)


def test_by_its_gradient_the_same_penalty_gives_no_zero():
    x, y = problem()
    model = linear_model()
    model.compile(OPTIMIZERS["adam"](), loss="mse", penalties="gradient")
    model.fit(np.tile(x, (STEPS, 1)), np.tile(y, STEPS), batch_size=ROWS, verbose=0)
    assert np.sum(reference(x, y) == 0) == 15
    assert np.sum(coefficients(model) == 0) == 0


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda **options: keras.optimizers.SGD(0.05, momentum=0.9, **options),
        lambda **options: keras.optimizers.Adam(0.05, **options),
    ],
    ids=["momentum", "adam"],
)
def test_accumulated_small_batches_equal_one_large_batch(optimizer):
    x, y = problem()
    large, small = linear_model(), linear_model()
    small.set_weights(large.get_weights())
    train(large, optimizer(), x, {"y": y}, steps=40)
    micro = optimizer(gradient_accumulation_steps=4)
    train(small, micro, x, {"y": y}, steps=160, batch=ROWS // 4)
    found = coefficients(small)
    assert 0 < np.sum(found == 0) < COLUMNS
    np.testing.assert_array_equal(found == 0, coefficients(large) == 0)
    np.testing.assert_allclose(found, coefficients(large), atol=1e-5)


def test_the_moving_average_is_that_of_the_shrunken_weights():
    x, y = problem()
    momentum = 0.7
    averaged, followed = linear_model(), linear_model()
    followed.set_weights(averaged.get_weights())
    followed.compile(keras.optimizers.SGD(0.1), loss="mse")
    average = None
    for _ in range(12):
        followed.train_on_batch(x, y)
        now = coefficients(followed)
        average = now if average is None else momentum * average + (1 - momentum) * now
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=momentum)
    train(averaged, optimizer, x, {"y": y}, steps=12)
    last = coefficients(followed)
    assert np.sum(last == 0) > 0
    np.testing.assert_allclose(coefficients(averaged), average * (last != 0), atol=1e-6)


def test_the_moving_average_ends_at_the_lasso_with_its_zeros():
    x, y = problem()
    model = linear_model()
    optimizer = keras.optimizers.SGD(0.2, use_ema=True, ema_momentum=0.9)
    train(model, optimizer, x, {"y": y})
    assert_same(coefficients(model), reference(x, y), 1e-5)
