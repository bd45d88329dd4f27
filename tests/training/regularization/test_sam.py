"""Sharpness-aware minimization, against its formula."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError, balancing
from polytask.regularizers import L1
from polytask.training import SAM
from tests.helpers.one_step import build, some_batch, step, trunk_of


def array(tensor):
    return ops.convert_to_numpy(tensor)


def test_the_perturbation_is_that_of_the_catalogue():
    # f = ½(x² + 10y²) at (1, 1): the gradient is (1, 10).
    w, g = np.array([1.0, 1.0], "float32"), np.array([1.0, 10.0], "float32")
    (move,) = SAM(0.05).perturbation([ops.array(w)], [ops.array(g)])
    np.testing.assert_allclose(array(move), [0.00497519, 0.0497519], rtol=1e-5)
    np.testing.assert_allclose((w + array(move)) * [1, 10], [1.00498, 10.49752], 1e-5)


def test_the_adaptive_perturbation_has_the_radius_in_the_metric_of_the_weights():
    rng = np.random.default_rng(0)
    w, g = (rng.normal(size=(3, 2)).astype("float32") for _ in range(2))
    bias, slope = np.ones(2, "float32"), np.array([2.0, -1.0], "float32")
    moves = SAM(0.5, adaptive=True).perturbation(
        [ops.array(w), ops.array(bias)], [ops.array(g), ops.array(slope)]
    )
    size = np.abs(w) + 0.01
    norm = np.sqrt(np.sum((size * g) ** 2) + np.sum(slope**2))
    np.testing.assert_allclose(array(moves[0]), 0.5 * size**2 * g / norm, rtol=1e-5)
    np.testing.assert_allclose(array(moves[1]), 0.5 * slope / norm, rtol=1e-5)


def test_no_gradient_moves_nothing():
    (move,) = SAM().perturbation([ops.ones((2,))], [ops.zeros((2,))])
    np.testing.assert_array_equal(array(move), 0.0)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_step_has_the_gradient_from_the_worst_place_nearby(adaptive):
    batch = some_batch()
    batch[1]["b"][:] = np.nan
    sam = SAM(0.3, adaptive)
    model, plain = step(batch)
    start = build().get_weights()
    by_path = {v.path: v for v in model.trainable_variables}
    moves = sam.perturbation(
        [ops.array(w) for w in start], [ops.array(plain[path]) for path in by_path]
    )
    worse = build()
    worse.set_weights([w + array(m) for w, m in zip(start, moves, strict=True)])
    _, expected = step(batch, model=worse)
    _, moved = step(batch, regularizers=[sam])
    for path, gradient in moved.items():
        np.testing.assert_allclose(gradient, expected[path], rtol=2e-3, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("balancer", ["equal", "upgrad"])
def test_per_task_each_gradient_comes_from_where_the_tasks_own_loss_is_larger(balancer):
    x, y = batch = some_batch()
    start, sam = build().get_weights(), SAM(0.3, per_task=True)
    rows = {}
    for task in "abc":
        alone = {t: v if t == task else np.full_like(v, np.nan) for t, v in y.items()}
        model, plain = step((x, alone))
        paths = [v.path for v in model.trainable_variables]
        moves = sam.perturbation(
            [ops.array(w) for w in start], [ops.array(plain[path]) for path in paths]
        )
        worse = build()
        worse.set_weights([w + array(m) for w, m in zip(start, moves, strict=True)])
        _, rows[task] = step((x, alone), model=worse)
    _, moved = step(batch, regularizers=[sam], balancer=balancer)
    trunk = np.stack([trunk_of(row) for row in rows.values()]).astype("float64")
    weights = balancing.get(balancer).weights(
        np.ones(3, "float32"), (trunk @ trunk.T).astype("float32")
    )
    np.testing.assert_allclose(
        trunk_of(moved), array(weights) @ trunk, rtol=3e-3, atol=3e-3
    )
    for task in "abc":
        np.testing.assert_allclose(
            moved[f"{task}/kernel"], rows[task][f"{task}/kernel"], rtol=3e-3, atol=1e-3
        )


@pytest.mark.two_backends
def test_per_task_one_task_alone_has_the_same_step():
    x, y = some_batch()
    batch = x, {"a": y["a"], "b": y["b"] * np.nan, "c": y["c"] * np.nan}
    _, one = step(batch, regularizers=[SAM(0.3)])
    _, own = step(batch, regularizers=[SAM(0.3, per_task=True)])
    for path, gradient in one.items():
        np.testing.assert_allclose(own[path], gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.two_backends
def test_a_balancer_reads_the_losses_of_the_weights_and_the_gradients_from_there():
    batch = some_batch()
    model, _ = step(batch, regularizers=SAM(0.1), balancer="dwa")
    plain, _ = step(batch, balancer="dwa")
    for found, expected in zip(
        model.balancer.variables, plain.balancer.variables, strict=True
    ):
        np.testing.assert_allclose(array(found), array(expected), rtol=1e-5)
    _, moved = step(batch, regularizers=SAM(0.1), balancer="pcgrad")
    _, before = step(batch, balancer="pcgrad")
    assert not np.allclose(moved["trunk/kernel"], before["trunk/kernel"], rtol=1e-3)


def network(**options):
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = layers.Dense(8, "relu", kernel_regularizer=L1(0.02), name="trunk")(x)
    h = layers.BatchNormalization()(h)
    h = layers.Dropout(0.5, seed=1)(h)
    model = MultiTaskModel(x, {t: layers.Dense(1)(h) for t in "abc"})
    model.compile(keras.optimizers.SGD(0.1), loss="mse", **options)
    return model


@pytest.mark.two_backends
def test_statistics_seeds_and_reported_losses_are_those_of_one_pass():
    x, y = some_batch()
    plain, sharp = network(), network(regularizers=SAM(0.2))
    logs = [model.train_on_batch(x, y, return_dict=True) for model in (plain, sharp)]
    assert logs[1]["a_loss"] == pytest.approx(logs[0]["a_loss"], rel=1e-5)
    pairs = zip(
        plain.non_trainable_variables, sharp.non_trainable_variables, strict=True
    )
    for expected, found in pairs:
        np.testing.assert_allclose(array(found), array(expected), rtol=1e-5)


def test_weights_that_are_zero_stay_zero_where_the_gradient_is_taken():
    x, y = some_batch()
    seen = []

    class Watched(SAM):
        def perturbation(self, values, gradients, free=None):
            moves = super().perturbation(values, gradients, free)
            seen.append((array(values[0]), array(moves[0])))
            return moves

    model = network(regularizers=Watched(0.1), run_eagerly=True)
    if keras.backend.backend() == "jax":
        pytest.skip("a traced step has no values to look at")
    kernel = model.get_layer("trunk").kernel
    start = array(kernel).copy()
    start[:3] = 0.0
    kernel.assign(start)
    model.train_on_batch(x, y)
    ((value, move),) = seen
    np.testing.assert_array_equal(move[value == 0], 0.0)
    assert np.any(move[value != 0])


@pytest.mark.parametrize("given", [0.1, "sam", [L1(0.1)], [SAM(), SAM()]])
def test_what_is_no_regularizer_of_the_training_is_refused(given):
    with pytest.raises(UserError, match="regularizers"):
        build().compile("sgd", loss="mse", regularizers=given)
    with pytest.raises(UserError, match="radius must be a finite number, above 0"):
        SAM(0.0)


@pytest.mark.parametrize("balancer", ["sdmgrad", "consmtl"])
def test_per_task_refuses_balancers_that_need_more_than_gradients(balancer):
    with pytest.raises(UserError, match="per_task=True takes each task's gradient"):
        build().compile(
            "sgd", loss="mse", regularizers=SAM(per_task=True), balancer=balancer
        )


def test_a_saved_model_keeps_it(tmp_path):
    kept = SAM(0.2, adaptive=True, per_task=True)
    model, _ = step(some_batch(), regularizers=[kept])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    (sam,) = loaded.step_plan.regularizers
    assert (sam.radius, sam.adaptive, sam.per_task) == (0.2, True, True)
