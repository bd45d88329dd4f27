"""FAMO learns from the losses of the same batch after the update."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, balancing

RATE = 0.05


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 6)).astype("float32")
    y = {"a": x[:, :1] + 1.0, "b": 3.0 * x[:, 1:2] - x[:, 2:3]}
    y["a"][:5] = np.nan
    return x, {t: v.astype("float32") for t, v in y.items()}


def network(seed=None):
    """Return a network with dropout in trunk and head, and batch norm."""
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = keras.layers.Dense(8, "tanh", name="trunk")(x)
    h = keras.layers.BatchNormalization(name="norm")(h)
    h = keras.layers.Dropout(0.5, seed=seed)(h)
    a = keras.layers.Dropout(0.3, seed=seed)(h)
    outputs = {"a": keras.layers.Dense(1)(a), "b": keras.layers.Dense(1)(h)}
    return MultiTaskModel(x, outputs)


def losses_of(model, batch):
    """Return the losses in training mode, which moves seeds and statistics."""
    x, y = batch
    outputs = model(x, training=True)
    found = []
    for task in "ab":
        error = keras.ops.convert_to_numpy(outputs[task]) - y[task]
        found.append(np.nanmean(error**2))
    return np.array(found)


def famo(**options):
    return balancing.FAMO(reuse_next_loss=False, **options)


def expected_logits(before, after, rate=0.025):
    """Return the first step of Adam on the numbers that FAMO learns."""
    fall = np.log(before) - np.log(after)
    z = np.full(2, 0.5)
    gradient = z * (fall - z @ fall)
    return -rate * gradient / (np.abs(gradient) + 1e-8)


def state(model):
    return [np.array(v.numpy()) for v in model.non_trainable_variables]


def restore(model, values):
    for variable, value in zip(model.non_trainable_variables, values, strict=True):
        variable.assign(value)


def test_the_losses_after_the_update_are_those_of_the_same_masks(batch):
    model = network(seed=3)
    balancer = famo()
    model.compile(keras.optimizers.SGD(RATE), loss="mse", balancer=balancer)
    start = state(model)
    before = losses_of(model, batch)
    once = state(model)
    restore(model, start)
    model.train_on_batch(*batch)
    # One forward pass counts: seeds and batch statistics moved once.
    for value, expected in zip(state(model), once, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5)
    restore(model, start)
    after = losses_of(model, batch)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(balancer.state["last_margin"]), before, rtol=1e-4
    )
    fall = np.log(before) - np.log(after)
    assert abs(fall[0] - fall[1]) > 1e-2
    # The gradient that Adam was given tells both losses, up to their common part.
    z = 0.5
    gradient = z * (fall - z * fall.sum())
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(balancer.state["moment1"]),
        0.1 * gradient,
        rtol=1e-3,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(balancer.state["logits"]),
        expected_logits(before, after),
        rtol=1e-3,
    )


def test_layers_without_a_seed_repeat_their_masks_too(batch):
    model = network()
    balancer = famo()
    # Nothing moves, so the same masks give the same losses.
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancer=balancer)
    model.train_on_batch(*batch)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(balancer.state["moment1"]), 0.0, atol=1e-7
    )


@pytest.mark.slow
def test_micro_steps_of_accumulation_teach_nothing(batch):
    model = network(seed=3)
    balancer = famo()
    optimizer = keras.optimizers.SGD(RATE, gradient_accumulation_steps=2)
    model.compile(optimizer, loss="mse", balancer=balancer)
    model.train_on_batch(*batch)
    steps = balancer.state["adam_steps"]
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(steps), 0.0)
    model.train_on_batch(*batch)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(steps), 1.0)


@pytest.mark.two_backends
def test_a_task_without_a_label_is_not_learned_from(batch):
    x, y = batch
    model = network(seed=3)
    balancer = famo()
    model.compile(keras.optimizers.SGD(RATE), loss="mse", balancer=balancer)
    model.train_on_batch(x, y | {"a": np.full((16, 1), np.nan, "float32")})
    steps = keras.ops.convert_to_numpy(balancer.state["adam_steps"])
    np.testing.assert_array_equal(steps, [0.0, 1.0])
