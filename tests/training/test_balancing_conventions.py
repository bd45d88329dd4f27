"""What a model promises of any balancer: one forward pass, and nothing by stealth."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, balancing
from polytask.callbacks import ConflictMonitor


def model_of(*layers, tasks=("a", "b"), seed=0):
    """Return a model whose heads read the last of some layers."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6,))
    h = inputs
    for layer in layers:
        h = layer(h)
    head = keras.initializers.RandomNormal(seed=3)
    outputs = {
        t: keras.layers.Dense(1, kernel_initializer=head, name=t)(h) for t in tasks
    }
    return MultiTaskModel(inputs, outputs)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 6)).astype("float32")
    return x, {t: rng.normal(size=32).astype("float32") for t in "ab"}


def test_two_equal_tasks_agree_fully_under_dropout(batch):
    # With a forward pass for each task, the cosine of these two is about 0.25.
    x, y = batch
    layers = (
        keras.layers.Dense(64, "relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(64, "relu"),
        keras.layers.Dropout(0.5),
    )
    model = model_of(*layers)
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancer="mgda")
    monitor = ConflictMonitor()
    same = {"a": y["a"], "b": y["a"]}
    model.fit(x, same, batch_size=32, epochs=3, verbose=0, callbacks=[monitor])
    for summary in monitor.summaries:
        np.testing.assert_allclose(summary.cosines, 1.0, atol=1e-5)


@pytest.mark.parametrize("balancer", ["equal", "nash_mtl", "graddrop"])
def test_batch_statistics_are_updated_once_a_step(batch, balancer):
    x, y = batch
    norm = keras.layers.BatchNormalization(momentum=0.9)
    model = model_of(norm)
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancer=balancer)
    model.fit(x, y, batch_size=32, verbose=0, callbacks=[ConflictMonitor(every=1)])
    np.testing.assert_allclose(
        norm.moving_mean.numpy(), 0.1 * x.mean(axis=0), rtol=1e-4, atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.two_backends
def test_loss_weights_act_before_balancing(batch):
    # Nash bargaining undoes any weight of a loss; the sum does not.
    moved = {}
    for balancer in ("nash_mtl", "equal"):
        for factor in (1.0, 20.0):
            trunk = keras.layers.Dense(4, name="trunk")
            model = model_of(trunk)
            before = trunk.kernel.numpy().copy()
            model.compile(
                keras.optimizers.SGD(0.1),
                loss="mse",
                loss_weights={"a": factor},
                balancer=balancer,
            )
            model.train_on_batch(*batch)
            moved[balancer, factor] = trunk.kernel.numpy() - before
    np.testing.assert_allclose(
        moved["nash_mtl", 20.0], moved["nash_mtl", 1.0], rtol=1e-3, atol=1e-5
    )
    assert np.abs(moved["equal", 20.0] - moved["equal", 1.0]).max() > 1e-2


def test_learned_scales_are_neither_decayed_nor_stepped_by_the_network(batch):
    # Ten times the rate, and a decay that would wipe out any weight in one step.
    states = []
    for optimizer in (
        keras.optimizers.SGD(0.01),
        keras.optimizers.AdamW(0.1, weight_decay=9.0, clipnorm=1e-6),
    ):
        balancer = balancing.Uncertainty(learning_rate=0.05)
        model = model_of(keras.layers.Dense(4))
        model.compile(optimizer, loss="mse", balancer=balancer)
        state = {id(v) for v in balancer.variables}
        assert not state & {id(v) for v in model.trainable_variables}
        model.train_on_batch(*batch)
        states.append([np.array(v.numpy()) for v in balancer.variables])
    for one, other in zip(*states, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert any(np.abs(value).max() > 0.01 for value in states[0])
