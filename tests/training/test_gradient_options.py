"""Fewer pull-backs, less memory, other places: the same update where it must be."""

import weakref

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError, balancing
from tests.helpers.one_step import (
    build,
    rows_of,
    some_batch,
    step,
    trunk_of,
    weights_of,
)

BACKEND = keras.backend.backend()


@pytest.fixture
def batch():
    return some_batch()


@pytest.fixture
def pull_backs(monkeypatch):
    """Return the list that notes each pull-back through the trunk, on PyTorch."""
    from polytask.training.autodiff_torch import TorchGradients

    noted = []
    plain = TorchGradients.pull_back

    def noting(self, cotangent):
        noted.append(plain(self, cotangent))
        return noted[-1]

    monkeypatch.setattr(TorchGradients, "pull_back", noting)
    return noted


def test_a_step_between_updates_moves_along_the_kept_weights(batch):
    model, _ = step(batch, balancer=balancing.get("mgda", update_every=2))
    start = model.get_weights()
    kept = keras.ops.convert_to_numpy(model.balancer.state["kept_weights"])
    assert np.ptp(kept) > 0.1
    model.train_on_batch(*batch)
    other = build()
    other.set_weights(start)
    fixed = balancing.get("fixed", task_weights=[float(w) for w in kept])
    step(batch, model=other, balancer=fixed)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND != "torch", reason="calls are counted in eager PyTorch")
@pytest.mark.parametrize("name", ["mgda", "log+mgda"])
def test_a_step_between_updates_is_one_pull_back(batch, pull_backs, name):
    model, _ = step(batch, balancer=balancing.get(name, update_every=3))
    counts = [len(pull_backs)]
    for _ in range(3):
        pull_backs.clear()
        model.train_on_batch(*batch)
        counts.append(len(pull_backs))
    assert counts == [3, 1, 1, 3]


@pytest.mark.skipif(BACKEND != "torch", reason="calls are counted in eager PyTorch")
def test_losses_and_representations_are_one_pull_back(batch, pull_backs):
    for balancer in ("dwa", balancing.MGDA(on="representation")):
        pull_backs.clear()
        step(batch, balancer=balancer)
        assert len(pull_backs) == 1


def network_with_a_tied_layer():
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = keras.layers.Dense(5, "relu")(keras.layers.Dense(7, "tanh")(x))
    h = keras.layers.Dropout(0.3, seed=1)(h)
    tied = keras.layers.Dense(4, "tanh")
    outputs = {
        t: keras.layers.Dense(1)(tied(keras.layers.Dense(4)(h))) for t in ("a", "b")
    }
    return MultiTaskModel(x, outputs | {"c": keras.layers.Dense(1)(h)})


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("name", ["imtl_g", "modo"])
def test_one_row_at_a_time_gives_the_same_update(batch, name):
    moves = [
        step(batch, model=network_with_a_tied_layer(), balancer=name, jacobian=how)[1]
        for how in ("full", "one_row")
    ]
    for full, row_by_row in zip(*(m.values() for m in moves), strict=True):
        np.testing.assert_allclose(row_by_row, full, rtol=1e-5, atol=2e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="live tensors are counted in PyTorch")
@pytest.mark.parametrize(("jacobian", "stacked"), [("full", [3]), ("one_row", [])])
def test_one_row_at_a_time_holds_one_gradient(batch, monkeypatch, jacobian, stacked):
    from polytask.training.autodiff_torch import TorchGradients

    alive, largest, stacks = set(), [], []
    plain, plain_rows = TorchGradients.pull_back, TorchGradients.rows

    def counting(self, cotangent):
        pulled = plain(self, cotangent)
        alive.add(id(pulled[0]))
        weakref.finalize(pulled[0], alive.discard, id(pulled[0]))
        largest.append(len(alive))
        return pulled

    def counting_rows(self, half=None):
        rows = plain_rows(self, half)
        stacks.append(len(rows[0]))
        return rows

    monkeypatch.setattr(TorchGradients, "pull_back", counting)
    monkeypatch.setattr(TorchGradients, "rows", counting_rows)
    step(batch, balancer="mgda", jacobian=jacobian)
    assert max(largest) == 1
    assert stacks == stacked


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "jax", reason="XLA reports the memory of a step")
def test_one_row_at_a_time_needs_the_memory_of_few_rows():
    import jax

    tasks = [f"t{i}" for i in range(12)]
    needed = {}
    for jacobian in ("full", "one_row"):
        x = keras.Input((64,))
        h = keras.layers.Dense(4096, "tanh", use_bias=False)(x)
        h = keras.layers.Dense(64, use_bias=False)(h)
        model = MultiTaskModel(x, {t: keras.layers.Dense(1)(h) for t in tasks})
        model.compile("sgd", loss="mse", balancer="mgda", jacobian=jacobian)
        model.optimizer.build(model.trainable_variables)
        state = tuple(
            [v.value for v in part]
            for part in (
                model.trainable_variables,
                model.non_trainable_variables,
                model.optimizer.variables,
                model.metrics_variables,
            )
        )
        data = (
            np.zeros((8, 64), "float32"),
            {t: np.zeros(8, "float32") for t in tasks},
        )
        compiled = jax.jit(model.train_step).lower(state, data).compile()
        needed[jacobian] = compiled.memory_analysis().temp_size_in_bytes
    row = 4 * 2 * 64 * 4096
    assert needed["full"] >= 12 * row
    assert needed["one_row"] <= 4 * row


def test_auto_keeps_all_rows_up_to_one_gibibyte():
    from polytask.training.aggregation import keeps_rows

    assert keeps_rows("auto", 4, 2**26)
    assert not keeps_rows("auto", 5, 2**26)
    assert keeps_rows("full", 5, 2**26)
    assert not keeps_rows("one_row", 1, 1)


def test_on_the_representation_the_cotangents_are_compared(batch):
    x, y = batch
    model = build(activation="linear")
    kernel, bias = model.get_layer("trunk").get_weights()
    h = x @ kernel + bias
    ends, losses = [], []
    for task in "abc":
        head, offset = model.get_layer(task).get_weights()
        error = (h @ head + offset)[:, 0] - y[task]
        losses.append(np.mean(error**2))
        ends.append(2 / 16 * np.outer(error, head[:, 0]))
    flat = np.array([end.ravel() for end in ends])
    losses = np.array(losses)
    weights = weights_of(balancing.get("mgda"), losses, flat @ flat.T)
    rows = np.array([x.T @ end for end in ends])
    elsewhere = weights_of(
        balancing.get("mgda"), losses, np.einsum("iab,jab->ij", rows, rows)
    )
    assert np.abs(weights - elsewhere).max() > 0.01
    _, moved = step(batch, model=model, balancer=balancing.MGDA(on="representation"))
    np.testing.assert_allclose(
        moved["trunk/kernel"], np.tensordot(weights, rows, 1), rtol=2e-3, atol=2e-3
    )


@pytest.mark.parametrize("name", ["mgda", "equal", "graddrop"])
def test_clipped_tasks_enter_with_at_most_the_given_norm(batch, name):
    rows, losses = rows_of(batch)
    norms = np.linalg.norm(rows, axis=1)
    largest = float(np.sort(norms)[1])
    short = rows * np.minimum(1.0, largest / norms)[:, None]
    assert largest < norms.max() - 1.0
    if name == "graddrop":
        jacobian = [
            keras.ops.convert_to_tensor(short[:, :30].reshape(3, 6, 5), "float32"),
            keras.ops.convert_to_tensor(short[:, 30:], "float32"),
        ]
        found = balancing.get(name).combine(jacobian, losses)
        expected = np.concatenate(
            [keras.ops.convert_to_numpy(part).ravel() for part in found]
        )
    else:
        weights = weights_of(balancing.get(name), losses, short @ short.T)
        expected = weights @ short
    _, moved = step(batch, balancer=name, clip_task_gradients=largest)
    np.testing.assert_allclose(trunk_of(moved), expected, rtol=2e-3, atol=2e-3)


def test_clipping_beyond_all_norms_changes_nothing(batch):
    _, plain = step(batch, balancer="equal")
    _, moved = step(batch, balancer="equal", clip_task_gradients=1e6)
    np.testing.assert_allclose(trunk_of(moved), trunk_of(plain), rtol=1e-4, atol=1e-5)


def compared_halves(batch):
    """Return the gradients of all, the even and the odd rows, and the losses."""
    x, y = batch
    rows, losses = rows_of(batch)
    even, odd = (
        rows_of((x[k::2], {t: v[k::2] for t, v in y.items()}))[0] for k in (0, 1)
    )
    return rows, even, odd, losses


@pytest.mark.two_backends
@pytest.mark.parametrize("labels", ["all", "one half of task c"])
@pytest.mark.parametrize("name", ["modo", "sdmgrad"])
def test_two_halves_of_the_batch_are_compared(batch, name, labels):
    if labels != "all":
        batch[1]["c"][1::2] = np.nan
    rows, even, odd, losses = compared_halves(batch)
    if labels != "all":
        odd[2] = even[2]
    products = even @ odd.T
    options = {"learning_rate": 0.2}
    weights = weights_of(
        balancing.get(name, **options), losses, (products + products.T) / 2
    )
    own = weights_of(balancing.get(name, **options), losses, rows @ rows.T)
    assert np.abs(weights - own).max() > 1e-3
    _, moved = step(batch, balancer=balancing.get(name, **options))
    np.testing.assert_allclose(trunk_of(moved), weights @ rows, rtol=2e-3, atol=2e-3)


@pytest.mark.two_backends
def test_auto_lambda_follows_the_slope_of_the_validation_loss_after_a_step(batch):
    """One half of the batch trains, the other validates; the roles are averaged."""
    x, y = batch
    rate = 1e-6
    halves = [(x[k::2], {t: v[k::2] for t, v in y.items()}) for k in (0, 1)]
    flat = [v.astype("float64") for v in build().get_layer("trunk").get_weights()]
    flat = np.concatenate([v.ravel() for v in flat])
    rows = [rows_of(half)[0] for half in halves]

    def validation(weights, trained):
        """Return the loss of task a in one half after a step on the other."""
        model = build()
        moved = flat - rate * weights @ rows[trained]
        model.get_layer("trunk").set_weights([moved[:30].reshape(6, 5), moved[30:]])
        return rows_of(halves[1 - trained], model)[1][0]

    slopes = []
    for task in range(3):
        bump = 100.0 * np.eye(3)[task]
        slopes.append(
            np.mean(
                [
                    (validation(1.0 + bump, h) - validation(1.0 - bump, h)) / 200.0
                    for h in (0, 1)
                ]
            )
        )
    products = rows[0] @ rows[1].T
    products = (products + products.T) / 2
    predicted = -rate * products[:, 0]
    np.testing.assert_allclose(predicted, slopes, rtol=0.01)
    balancer = balancing.AutoLambda(primary=["a"], learning_rate=0.1)
    _, first = step(batch, balancer=balancer)
    # The weights start at 1; the first step of Adam goes by the sign of the slope.
    np.testing.assert_allclose(
        trunk_of(first), rows_of(batch)[0].sum(axis=0), rtol=2e-3, atol=2e-3
    )
    logits = keras.ops.convert_to_numpy(balancer.state["logits"])
    through = np.array(slopes) - np.mean(slopes)
    np.testing.assert_allclose(logits, -0.1 * np.sign(through), rtol=1e-3)


def test_auto_lambda_names_an_unknown_task():
    model = build()
    with pytest.raises(UserError, match="unknown task 'd'"):
        model.compile("sgd", loss="mse", balancer=balancing.AutoLambda(primary=["d"]))


@pytest.mark.parametrize(
    ("balancer", "options", "message"),
    [
        ("moco", {"jacobian": "one_row"}, "works on all task gradients at once"),
        ("mgda", {"jacobian": "ful"}, 'Did you mean "full"'),
        ("mgda", {"clip_task_gradients": 0.0}, "must be a positive norm"),
        ("modo", {"clip_task_gradients": 1.0}, "compares two halves"),
        (
            balancing.MGDA(update_every=2),
            {"clip_task_gradients": 1.0},
            "Use update_every=1",
        ),
        (balancing.MGDA(on="representation"), {}, "a layer is called in several heads"),
    ],
)
def test_options_that_do_not_go_together_are_refused(balancer, options, message):
    model = network_with_a_tied_layer()
    with pytest.raises(UserError, match=message):
        model.compile("sgd", loss="mse", balancer=balancer, **options)


def test_an_unknown_place_is_named():
    with pytest.raises(UserError, match='Did you mean "shared"'):
        balancing.get("mgda", on="share")


@pytest.mark.parametrize("name", ["famo", "nash_mtl"])
@pytest.mark.parametrize("largest", [0.01, 1e3])
def test_the_update_is_no_longer_than_the_balancer_allows(batch, name, largest):
    rows, losses = rows_of(batch)
    direction = weights_of(balancing.get(name), losses, rows @ rows.T) @ rows
    expected = direction * min(1.0, largest / np.linalg.norm(direction))
    _, moved = step(batch, balancer=balancing.get(name, max_norm=largest))
    found = trunk_of(moved)
    np.testing.assert_allclose(
        found, expected, rtol=5e-3, atol=2e-3 * abs(expected).max()
    )
