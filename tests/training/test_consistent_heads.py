"""ConsMTL's change of the heads, against its closed form for linear heads."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError
from polytask.balancing import ConsMTL

rng = np.random.default_rng(0)
X = rng.normal(size=(8, 3)).astype("float32")
Y = {"a": X[:, :1] + 1.0, "b": X[:, 1:2] - X[:, :1]}
FACTORS = {"a": 1.0, "b": 0.5}


def build(balancer, between=()):
    keras.utils.set_random_seed(1)
    x = keras.Input((3,))
    h = keras.layers.Dense(2, use_bias=False, name="trunk")(x)
    outputs = {}
    for task in Y:
        tower = h
        for layer in between:
            tower = layer()(tower)
        outputs[task] = keras.layers.Dense(1, use_bias=False, name=task)(tower)
    model = MultiTaskModel(x, outputs)
    sgd = keras.optimizers.SGD(1.0)
    model.compile(sgd, loss="mse", balancer=balancer, loss_weights=FACTORS)
    return model


def expected(model, y, consistency):
    """Return what a step adds to the heads' kernels."""
    kernel = np.array(model.get_layer("trunk").kernel, "float64")
    heads = {task: np.array(model.get_layer(task).kernel, "float64") for task in y}
    z = X @ kernel
    residuals, ends, own = {}, {}, {}
    for task, target in y.items():
        there = ~np.isnan(target)
        scale = 2 * FACTORS[task] / max(there.sum(), 1)
        error = np.where(there, z @ heads[task] - np.nan_to_num(target), 0.0)
        residuals[task] = (scale, there, error)
        ends[task] = scale * error @ heads[task].T
        own[task] = scale * z.T @ error
    rows = np.stack([(X.T @ ends[task]).ravel() for task in y])
    losses = [FACTORS[t] * np.mean(residuals[t][2] ** 2) for t in y]
    present = np.array([residuals[t][1].any() for t in y])
    weights = ConsMTL().weights(losses, gramian=rows @ rows.T, present=present)
    weights = keras.ops.convert_to_numpy(weights)
    common = sum(w * ends[task] for w, task in zip(weights, y, strict=True))
    steps = {}
    for task in y:
        scale, there, error = residuals[task]
        along = np.where(there, common @ heads[task], 0.0)
        more = -consistency * scale * (common.T @ error + z.T @ along)
        length, longest = np.linalg.norm(more), 0.1 * np.linalg.norm(own[task])
        more = more * min(1.0, longest / length) if length else more
        steps[task] = -(own[task] + more)
    return steps


@pytest.mark.parametrize("consistency", [1.0, 1e-3])
@pytest.mark.parametrize("absent", [False, True])
def test_a_head_follows_the_common_gradient_of_the_representation(consistency, absent):
    y = {task: values.copy() for task, values in Y.items()}
    y["a"][:3] = np.nan
    if absent:
        y["b"][:] = np.nan
    model = build(ConsMTL(consistency=consistency))
    before = {task: np.array(model.get_layer(task).kernel) for task in y}
    steps = expected(model, y, consistency)
    model.train_on_batch(X, y)
    for task, kernel in before.items():
        moved = np.array(model.get_layer(task).kernel) - kernel
        np.testing.assert_allclose(moved, steps[task], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.two_backends
def test_only_the_heads_differ_from_the_fair_step():
    layers = (
        keras.layers.BatchNormalization,
        lambda: keras.layers.Dropout(0.5, seed=3),
    )
    models = []
    for consistency in (0.0, 1.0):
        model = build(ConsMTL(consistency=consistency), layers)
        model.train_on_batch(X, Y)
        models.append(model)
    plain, turned = models
    for one, other in zip(
        plain.non_trainable_variables, turned.non_trainable_variables, strict=True
    ):
        np.testing.assert_allclose(np.array(one), np.array(other), rtol=1e-6)
    one, other = (np.array(m.get_layer("trunk").kernel) for m in models)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    for task in Y:
        one, other = (np.array(m.get_layer(task).kernel) for m in models)
        assert not np.allclose(one, other)


def test_it_needs_one_representation():
    x = keras.Input((3,))
    first, second = keras.layers.Dense(2)(x), keras.layers.Dense(2)(x)
    both = keras.layers.Concatenate
    outputs = {t: keras.layers.Dense(1)(both()([first, second])) for t in Y}
    model = MultiTaskModel(x, outputs)
    with pytest.raises(UserError, match=r"ends in 2: .*Use consistency=0"):
        model.compile("sgd", loss="mse", balancer="consmtl")
    model.compile("sgd", loss="mse", balancer=ConsMTL(consistency=0.0))
