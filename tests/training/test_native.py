"""Hand-written loops get the gradients that the definition asks for."""

import keras
import numpy as np
import pytest

from polytask import balancing

BACKEND = keras.backend.backend()
METHODS = ["equal", "mgda", "imtl_g", "nash_mtl", "dwa"]


@pytest.fixture
def problem():
    """Two linear heads on one linear layer, with all gradients in NumPy."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 4)).astype("float32")
    trunk = rng.normal(size=(4, 3)).astype("float32")
    heads = {t: rng.normal(size=(3,)).astype("float32") for t in "ab"}
    y = {t: rng.normal(size=8).astype("float32") for t in "ab"}
    return x, trunk, heads, y


def expected(problem, method):
    x, trunk, heads, y = problem
    h = x @ trunk
    losses, rows, own = [], [], {}
    for task in "ab":
        error = h @ heads[task] - y[task]
        losses.append(np.mean(error**2))
        own[task] = 2 / 8 * h.T @ error
        rows.append(2 / 8 * x.T @ np.outer(error, heads[task]))
    flat = np.array([r.ravel() for r in rows], "float32")
    weights = keras.ops.convert_to_numpy(
        balancing.get(method).weights(np.array(losses, "float32"), flat @ flat.T)
    )
    return sum(w * r for w, r in zip(weights, rows, strict=True)), own


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch only")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("with_representation", [False, True])
def test_torch_fills_grad_with_the_balanced_direction(
    problem, method, with_representation
):
    import torch

    from polytask.training.native.torch import multitask_backward

    x, trunk, heads, y = problem
    shared = torch.nn.Parameter(torch.tensor(trunk))
    own = {t: torch.nn.Parameter(torch.tensor(w)) for t, w in heads.items()}
    h = torch.tensor(x) @ shared
    losses = {t: ((h @ own[t] - torch.tensor(y[t])) ** 2).mean() for t in own}
    multitask_backward(
        losses,
        [shared],
        {t: [w] for t, w in own.items()},
        balancer=method,
        representation=h if with_representation else None,
    )
    direction, head_gradients = expected(problem, method)
    np.testing.assert_allclose(shared.grad.numpy(), direction, rtol=1e-3, atol=1e-4)
    for task, gradient in head_gradients.items():
        np.testing.assert_allclose(
            own[task].grad.numpy(), gradient, rtol=1e-4, atol=1e-5
        )


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow only")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("with_representation", [False, True])
def test_tensorflow_returns_the_balanced_direction(
    problem, method, with_representation
):
    import tensorflow as tf

    from polytask.training.native.tensorflow import multitask_gradients

    x, trunk, heads, y = problem
    shared = tf.Variable(trunk)
    own = {t: tf.Variable(w) for t, w in heads.items()}
    balancer = balancing.get(method)
    balancer.build(2, ("a", "b"))

    @tf.function
    def gradients():
        with tf.GradientTape(persistent=True) as tape:
            h = tf.constant(x) @ shared
            losses = {
                t: tf.reduce_mean((tf.linalg.matvec(h, own[t]) - y[t]) ** 2)
                for t in own
            }
        return multitask_gradients(
            tape,
            losses,
            [shared],
            {t: [w] for t, w in own.items()},
            balancer=balancer,
            representation=h if with_representation else None,
        )

    (found,), own_found = gradients()
    direction, head_gradients = expected(problem, method)
    np.testing.assert_allclose(found, direction, rtol=1e-3, atol=1e-4)
    for task, gradient in head_gradients.items():
        np.testing.assert_allclose(own_found[task][0], gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(BACKEND != "jax", reason="JAX only")
@pytest.mark.parametrize("method", METHODS)
def test_jax_returns_the_balanced_direction_under_jit(problem, method):
    import jax
    from jax import numpy as jnp

    from polytask.training.native.jax import multitask_grad

    x, trunk, heads, y = problem

    def loss_fn(shared, heads, x):
        h = x @ shared["w"]
        return {t: jnp.mean((h @ w - y[t]) ** 2) for t, w in heads.items()}

    grad = multitask_grad(loss_fn, balancer=method)
    state = grad.init({"w": trunk}, heads)
    step = jax.jit(lambda shared, heads, state, x: grad(shared, heads, state, x))
    (found, own), state, _ = step({"w": trunk}, heads, state, x)
    direction, head_gradients = expected(problem, method)
    np.testing.assert_allclose(found["w"], direction, rtol=1e-3, atol=1e-4)
    for task, gradient in head_gradients.items():
        np.testing.assert_allclose(own[task], gradient, rtol=1e-4, atol=1e-5)


def test_another_backend_is_refused(problem):
    from polytask.training.native.balance import prepared

    other = "torch" if BACKEND != "torch" else "jax"
    with pytest.raises(ValueError, match=f"KERAS_BACKEND={other}"):
        prepared("equal", ["a"], [(1,)], other)
