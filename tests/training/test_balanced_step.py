"""The update of the shared variables is the balancer's, from one forward pass."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, balancing, regularizers
from tests.helpers.many_steps import take_steps
from tests.helpers.one_step import (
    RATE,
    build,
    rows_of,
    some_batch,
    step,
    trunk_of,
    weights_of,
)


@pytest.fixture
def batch():
    return some_batch()


@pytest.mark.parametrize(
    "name", ["mgda", "pcgrad", "imtl_g", "nash_mtl", "upgrad", "aligned_mtl", "cagrad"]
)
def test_the_trunk_moves_along_the_weighted_gradients(batch, name):
    rows, losses = rows_of(batch)
    options = {"seed": 3} if name == "pcgrad" else {}
    weights = weights_of(balancing.get(name, **options), losses, rows @ rows.T)
    _, moved = step(batch, balancer=balancing.get(name, **options))
    np.testing.assert_allclose(trunk_of(moved), weights @ rows, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["equal", "mgda", "dwa"])
def test_heads_get_their_own_gradient(batch, name):
    _, moved = step(batch, balancer=name)
    for task in "abc":
        _, alone = step(batch, losses=dict.fromkeys("abc") | {task: "mse"})
        np.testing.assert_allclose(
            moved[f"{task}/kernel"], alone[f"{task}/kernel"], rtol=1e-4, atol=1e-5
        )


def test_weighted_heads_get_the_weight_of_the_balancer(batch):
    fixed = balancing.get("fixed", task_weights=[0.5, 1.0, 2.0])
    _, own = step(batch)
    _, moved = step(batch, balancer=fixed, head_gradients="weighted")
    for task, weight in zip("abc", (0.5, 1.0, 2.0), strict=True):
        np.testing.assert_allclose(
            moved[f"{task}/kernel"],
            weight * own[f"{task}/kernel"],
            rtol=1e-4,
            atol=1e-5,
        )


def test_an_absent_task_is_no_row_of_zeros(batch):
    x, y = batch
    without_c = y | {"c": np.full(16, np.nan, "float32")}
    _, moved = step((x, without_c), balancer="mgda")
    rows, losses = rows_of(batch)
    two = rows[:2]
    weights = weights_of(balancing.get("mgda"), losses[:2], two @ two.T)
    np.testing.assert_allclose(trunk_of(moved), weights @ two, rtol=2e-3, atol=2e-3)


def test_penalties_are_added_after_balancing(batch):
    keras.utils.set_random_seed(0)

    def moved(strength):
        model = build()
        layer = model.get_layer("trunk")
        layer.kernel.regularizer = keras.regularizers.L2(strength)
        before = layer.kernel.numpy().copy()
        model.compile(keras.optimizers.SGD(RATE), loss="mse", balancer="mgda")
        model.train_on_batch(*batch)
        return before, (before - layer.kernel.numpy()) / RATE

    start, without = moved(0.0)
    _, with_penalty = moved(0.5)
    np.testing.assert_allclose(with_penalty - without, start, rtol=1e-3, atol=1e-3)


def test_a_task_that_shares_nothing_is_named():
    x = keras.Input((4,))
    h = keras.layers.Dense(3)(x)
    outputs = {t: keras.layers.Dense(1)(h) for t in ("a", "b")}
    outputs["alone"] = keras.layers.Dense(1)(x)
    model = MultiTaskModel(x, outputs)
    with pytest.raises(ValueError, match='"alone" shares no variable'):
        model.compile("sgd", loss="mse", balancer="mgda")


def test_one_task_alone_needs_no_balancing(batch):
    x, y = batch
    model = build()
    losses = {"a": "mse", "b": None, "c": None}
    model.compile("sgd", loss=losses, balancer="nash_mtl")
    model.fit(x, {"a": y["a"]}, epochs=1, verbose=0)


def test_history_reports_weights_and_conflict(batch):
    x, y = batch
    opposed = {"a": y["a"], "b": -y["a"], "c": y["a"]}
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    h = keras.layers.Dense(5, kernel_initializer="zeros", use_bias=False)(inputs)
    heads = {t: keras.layers.Dense(1, kernel_initializer="ones")(h) for t in "abc"}
    model = MultiTaskModel(inputs, heads)
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancer="mgda")
    history = model.fit(x, opposed, batch_size=16, epochs=2, verbose=0).history
    assert {"a_weight", "b_weight", "c_weight", "conflict"} <= set(history)
    weights = [history[f"{t}_weight"][1] for t in "abc"]
    assert sum(weights) == pytest.approx(3.0, rel=1e-4)
    assert 0.0 < history["conflict"][1] <= 1.0


def test_history_of_equal_weights_reports_nothing_more(batch):
    model = build()
    model.compile("sgd", loss="mse")
    history = model.fit(*batch, epochs=1, verbose=0).history
    assert set(history) == {"loss", "a_loss", "b_loss", "c_loss"}


def test_a_penalty_beside_the_sum_of_the_tasks_ends_at_the_weighted_sum():
    # Two quadratics around (2, 0) and (-1, 1), and λ/2 ‖w‖² with λ = 0.5: the minimum
    # is their sum over 2 + λ, (0.4, 0.4). The trunk is shared, its penalty counts once.
    x = keras.Input((1,))
    layer = keras.layers.Dense(
        2, use_bias=False, kernel_regularizer=regularizers.L2(0.5)
    )
    h = layer(x)
    heads = {t: keras.layers.Identity(name=t)(h) for t in ("a", "b")}
    model = MultiTaskModel(x, heads)
    # `mse` averages over the two outputs: ½‖w - target‖².
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    ones = np.ones((1, 1), "float32")
    targets = {"a": np.array([[2.0, 0.0]]), "b": np.array([[-1.0, 1.0]])}
    take_steps(model, ones, targets, 200)
    found = keras.ops.convert_to_numpy(layer.kernel)[0]
    np.testing.assert_allclose(found, [0.4, 0.4], atol=1e-5)
