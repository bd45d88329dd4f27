"""What Keras offers around a step works with balancers of gradients as well."""

import keras
import numpy as np
import pytest

from polytask import UserError, balancing
from tests.helpers.one_step import (
    RATE,
    build,
    rows_of,
    some_batch,
    trunk_of,
    weights_of,
)

BACKEND = keras.backend.backend()
SGD = keras.optimizers.SGD


@pytest.fixture
def batch():
    return some_batch()


def direction(batch, name="mgda"):
    """Return the balanced gradient of the trunk by its definition."""
    rows, losses = rows_of(batch)
    return weights_of(balancing.get(name), losses, rows @ rows.T) @ rows


def moved(optimizer, batches, balancer="mgda", **options):
    """Return how far some steps moved the trunk."""
    model = build()
    before = {v.path: v.numpy().copy() for v in model.trainable_variables}
    model.compile(optimizer, loss="mse", balancer=balancer, **options)
    for one in batches:
        model.train_on_batch(*one)
    optimizer = model.optimizer
    optimizer.finalize_variable_values(model.trainable_variables)
    after = {v.path: v.numpy() for v in model.trainable_variables}
    return trunk_of({path: before[path] - after[path] for path in before})


def part(batch, rows):
    x, y = batch
    return x[rows], {task: values[rows] for task, values in y.items()}


def test_accumulation_takes_the_mean_of_the_balanced_gradients(batch):
    parts = [part(batch, slice(0, 8)), part(batch, slice(8, 16))]
    found = moved(SGD(RATE, gradient_accumulation_steps=2), parts)
    expected = np.mean([direction(one) for one in parts], axis=0)
    np.testing.assert_allclose(found / RATE, expected, rtol=2e-3, atol=2e-3)


def test_global_clipping_acts_on_the_balanced_gradient(batch):
    model = build()
    start = model.get_weights()
    model.compile(SGD(1.0, global_clipnorm=0.5), loss="mse", balancer="mgda")
    model.train_on_batch(*batch)
    change = [a - b for a, b in zip(start, model.get_weights(), strict=True)]
    length = np.sqrt(sum(np.sum(c**2) for c in change))
    np.testing.assert_allclose(length, 0.5, rtol=1e-4)
    trunk = np.concatenate([change[0].ravel(), change[1]])
    along = direction(batch)
    cosine = trunk @ along / np.linalg.norm(trunk) / np.linalg.norm(along)
    assert cosine > 1.0 - 1e-5


@pytest.mark.two_backends
def test_the_moving_average_ends_in_the_weights(batch):
    found = moved(SGD(RATE, use_ema=True, ema_momentum=0.6), [batch, batch])
    first = moved(SGD(RATE), [batch])
    second = moved(SGD(RATE), [batch, batch])
    # The average starts at the weights after the first update.
    np.testing.assert_allclose(found, 0.6 * first + 0.4 * second, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("jacobian", ["full", "one_row"])
def test_half_precision_finds_nearly_the_same_direction(batch, jacobian):
    keras.config.set_dtype_policy("mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(SGD(RATE), initial_scale=64.0)
    try:
        found = moved(optimizer, [batch], "imtl_g", jacobian=jacobian) / RATE
    finally:
        keras.config.set_dtype_policy("float32")
    expected = direction(batch, "imtl_g")
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert error < 0.02


@pytest.mark.skipif(BACKEND == "torch", reason="Keras forbids it on PyTorch")
def test_several_steps_in_one_execution_are_the_same_steps(batch):
    x, y = batch
    weights = []
    for steps in (1, 2):
        model = build()
        model.compile(
            SGD(0.01),
            loss="mse",
            balancer=balancing.MGDA(update_every=2),
            steps_per_execution=steps,
        )
        model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# Two steps in one execution end behind the first, where Keras looks at neither.
@pytest.mark.parametrize("steps", [1] if BACKEND == "torch" else [1, 2])
def test_a_loss_outside_of_the_domain_stops_the_training_and_is_named(batch, steps):
    model = build()

    def reward(y_true, y_pred):
        return -keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    losses = {"a": "mse", "b": reward, "c": "mse"}
    model.compile("sgd", loss=losses, balancer="famo", steps_per_execution=steps)
    with pytest.raises(UserError, match=r'task "b" was -.*needs losses above 0'):
        model.fit(*batch, batch_size=16 // steps, verbose=0)


def test_a_step_with_a_loss_of_nan_leaves_balancer_and_weights(batch):
    x, y = batch
    model = build()
    balancer = balancing.get("sdmgrad")
    model.compile(keras.optimizers.Adam(), loss="mse", balancer=balancer)
    model.train_on_batch(x, y)

    def state():
        # The balancer may count the step as well, where it has seen it.
        counter = balancer.skipped_steps
        known = [v for v in balancer.variables if v is not counter]
        variables = [*model.variables, *known]
        return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]

    before = state()
    model.fit(x, y | {"b": np.full(16, np.inf, "float32")}, verbose=0)
    for a, b in zip(before, state(), strict=True):
        np.testing.assert_array_equal(a, b)
    history = model.fit(x, y, verbose=0).history
    assert "skipped_steps" not in history
    assert any((a != b).any() for a, b in zip(before, state(), strict=True))
