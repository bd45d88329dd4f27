"""Hypergradients against closed forms and finite differences."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import Lasso

from polytask import Knob, MultiTaskModel, UserError, meta
from polytask.regularizers import L1, L2, L21, ElasticNet, MeanRegularized, Sum

RANDOM = np.random.default_rng(0)
X, HELD_OUT = RANDOM.normal(size=(2, 20, 4))
TASKS = ("a", "b")
Y, NEW = (
    {t: x @ [1.0, -0.5, 0.0, 0.2] + RANDOM.normal(size=20) for t in TASKS}
    for x in (X, HELD_OUT)
)


def linear(weights=None, penalty=None, structure=None, loss_weights=None):
    """Two linear tasks with the kernels (4, 2); `penalty` has one for each."""
    x = keras.Input((4,))
    outputs = {
        t: keras.layers.Dense(
            1, use_bias=False, name=t, kernel_regularizer=(penalty or {}).get(t)
        )(x)
        for t in TASKS
    }
    model = MultiTaskModel(x, outputs)
    model.compile(
        keras.optimizers.Adam(0.05),
        loss="mse",
        task_structure=structure,
        loss_weights=loss_weights,
    )
    for place, task in enumerate(TASKS):
        if weights is not None:
            model.get_layer(task).kernel.assign(weights[:, place, None])
    return model


def slope(x, y, w):
    """The gradient of the mean squared error of a linear task."""
    return 2 * x.T @ (x @ w - y) / len(y)


def ridge(y, strength):
    """The minimum of the mean squared error plus λ/2 times the squared length."""
    curvature = 2 * X.T @ X / len(X) + strength * np.eye(4)
    return np.linalg.solve(curvature, 2 * X.T @ y / len(X)), curvature


def error(task, w):
    return np.mean((HELD_OUT @ w - NEW[task]) ** 2)


def test_the_implicit_gradient_of_ridge_is_that_of_its_closed_form():
    strengths = {"a": 0.3, "b": 2.0}
    knobs = {t: Knob(s, name=f"l2_{t}") for t, s in strengths.items()}
    expected, weights = {}, []
    for task, strength in strengths.items():
        w, curvature = ridge(Y[task], strength)
        weights.append(w)
        outer = slope(HELD_OUT, NEW[task], w)
        expected[f"l2_{task}"] = -outer @ np.linalg.solve(curvature, w)
    model = linear(np.transpose(weights), {t: L2(k) for t, k in knobs.items()})
    found = meta.hypergradients(model, (X, Y), (HELD_OUT, NEW))
    assert found == pytest.approx(expected, rel=1e-3)
    (one,) = meta.hypergradients(model, (X, Y), (HELD_OUT, NEW), [knobs["b"]]).items()
    assert one == pytest.approx(("l2_b", found["l2_b"]))


def test_the_implicit_gradient_of_l1_is_the_change_of_the_lasso():
    strength, nearby = 0.3, 1e-4

    def lasso(strength):
        # Its objective is half of the mean squared error plus a penalty.
        model = Lasso(strength / 2, fit_intercept=False, tol=1e-12, max_iter=100_000)
        return model.fit(X, Y["a"]).coef_

    w = lasso(strength)
    assert 0 < np.sum(w == 0) < 4
    errors = [error("a", lasso(strength + side * nearby)) for side in (1, -1)]
    expected = (errors[0] - errors[1]) / (2 * nearby)
    knob = Knob(strength, name="l1")
    model = linear(np.stack([w, np.ones(4)], axis=1), {"a": L1(knob)})
    only = {"a": Y["a"], "b": np.full(20, np.nan)}
    new = {"a": NEW["a"], "b": np.full(20, np.nan)}
    # What has no label and no penalty has no curvature, and no slope either.
    found = meta.hypergradients(model, (X, only), (HELD_OUT, new))
    assert found["l1"] == pytest.approx(expected, rel=1e-3)


def test_penalties_in_a_sum_are_those_of_one_that_holds_both():
    weights = np.array([[0.5, 0.4], [0.0, -0.3], [0.0, 0.0], [0.2, 0.1]])
    found = []
    for both in (lambda k: ElasticNet(k, 0.3), lambda k: Sum([L1(k), L2(0.3)])):
        knob = Knob(0.05, name="l1")
        model = linear(weights, {task: both(knob) for task in TASKS})
        found.append(meta.hypergradients(model, (X, Y), (HELD_OUT, NEW))["l1"])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_one_step_is_the_change_of_what_follows_it():
    w = RANDOM.normal(size=(4, 2))
    rate, strength, weight = 0.1, 0.5, 2.0

    def after(strength, weight):
        total = 0.0
        for place, task in enumerate(TASKS):
            factor = weight if task == "a" else 1.0
            pull = strength * (w[:, place] - w.mean(axis=1))
            moved = w[:, place] - rate * (
                factor * slope(X, Y[task], w[:, place]) + pull
            )
            total += error(task, moved)
        return total

    structure = MeanRegularized(Knob(strength, name="mean"))
    loss_weights = {"a": Knob(weight, name="a_weight"), "b": 1.0}
    model = linear(w, structure=structure, loss_weights=loss_weights)
    before = model.get_weights()
    found = meta.hypergradients(
        model, (X, Y), (HELD_OUT, NEW), method="one_step", rate=rate
    )
    h = 1e-5
    expected = {
        "mean": (after(strength + h, weight) - after(strength - h, weight)) / (2 * h),
        "a_weight": (after(strength, weight + h) - after(strength, weight - h))
        / (2 * h),
    }
    assert found == pytest.approx(expected, rel=1e-3)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_task_of_noise_learns_a_stronger_pull_than_one_of_signal():
    # Held-out labels are those without noise: of one task that is nothing at all.
    truth = {"a": np.array([1.0, -1.0, 0.5, 2.0]), "b": np.zeros(4)}
    y = {"a": X @ truth["a"], "b": Y["b"]}
    new = {t: HELD_OUT @ truth[t] for t in TASKS}
    knobs = {t: Knob(0.1, name=t) for t in TASKS}
    start = np.transpose([ridge(y[t], 0.1)[0] for t in TASKS])
    model = linear(start, {t: L2(k) for t, k in knobs.items()})
    history = meta.learn_strengths(
        model, (X, y), (HELD_OUT, new), rounds=8, epochs=10, step=0.5, batch_size=20
    )
    assert len(history["validation_loss"]) == 8
    assert history["validation_loss"][-1] < history["validation_loss"][0]
    assert history["a"][-1] < 0.1 < history["b"][-1]
    assert float(knobs["b"]) == pytest.approx(history["b"][-1], rel=1e-5)


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (lambda: linear(), {}, "no strength to learn"),
        (lambda: linear(structure=L21(Knob(0.1))), {}, "L21 is neither smooth nor"),
        (
            lambda: linear(penalty={t: L2(Knob(0.1)) for t in TASKS}),
            {},
            "same name.*knob, knob",
        ),
        (
            lambda: linear(penalty={"a": L2(Knob(0.1, name="l2"))}),
            {"knobs": [Knob(0.5)]},
            r"Knob\(0.5\) is no strength.*those are l2",
        ),
        (
            lambda: linear(penalty={"a": L2(Knob(0.1))}),
            {"method": "implizit"},
            "method must be one of",
        ),
        (
            lambda: linear(penalty={"a": L2(Knob(0.1))}, loss_weights={"a": -1.0}),
            {},
            "not convex at these weights.*one_step",
        ),
        (
            lambda: linear(penalty={"a": L2(Knob(0.1))}),
            {"iterations": 1},
            "did not converge in 1 iterations",
        ),
        (
            lambda: linear(penalty={"a": L2(Knob(0.1))}),
            {"validation": (HELD_OUT, dict.fromkeys(TASKS, np.full(20, np.nan)))},
            "no label of any task",
        ),
    ],
)
def test_what_cannot_be_differentiated_is_named(build, options, message):
    options = {"validation": (HELD_OUT, NEW), **options}
    with pytest.raises(UserError, match=message):
        meta.hypergradients(build(), (X, Y), **options)


def test_a_strength_of_zero_cannot_be_learned_by_its_logarithm():
    model = linear(penalty={"a": L2(Knob(0.0, name="l2"))})
    with pytest.raises(UserError, match=r"the strength l2 must be .*above 0; found 0"):
        meta.learn_strengths(model, (X, Y), (HELD_OUT, NEW), rounds=1)
