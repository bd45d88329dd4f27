"""Two linear heads on one linear layer, by hand and by the native entry points."""

import keras
import numpy as np

from polytask import balancing


def some_problem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 4)).astype("float32")
    trunk = rng.normal(size=(4, 3)).astype("float32")
    heads = {t: rng.normal(size=(3,)).astype("float32") for t in "ab"}
    y = {t: rng.normal(size=8).astype("float32") for t in "ab"}
    return x, trunk, heads, y


def gradients(problem, rows=slice(None)):
    """Return losses, cotangents, trunk gradients (T, 4, 3) and head gradients."""
    x, trunk, heads, y = problem
    x = x[rows]
    h = x @ trunk
    losses, ends, pulled, own = [], [], [], {}
    for task in "ab":
        error = h @ heads[task] - y[task][rows]
        losses.append(np.mean(error**2))
        own[task] = 2 / len(x) * h.T @ error
        ends.append(2 / len(x) * np.outer(error, heads[task]))
        pulled.append(x.T @ ends[-1])
    return np.array(losses), np.array(ends), np.array(pulled), own


def products(left, right=None):
    """Return the (T, T) inner products of stacks of arrays."""
    left = left.reshape(len(left), -1)
    right = left if right is None else right.reshape(len(right), -1)
    return (left @ right.T).astype("float32")


def direction(problem, balancer, gramian=None):
    """Return the balanced direction by its definition."""
    losses, _, rows, _ = gradients(problem)
    gramian = products(rows) if gramian is None else gramian
    chosen = balancing.get(balancer)
    weights = keras.ops.convert_to_numpy(
        chosen.weights(losses.astype("float32"), gramian)
    )
    return np.tensordot(weights, rows, 1)


def native(
    problem, balancer, place="none", halves=False, then=None, present=None, **options
):
    """Return trunk and head gradients of the native entry point of this backend.

    Args:
        problem: What `some_problem` returned.
        balancer: Name or balancer.
        place: Whether the end of the shared part is passed: "none" or "given".
        halves: Whether losses of the even and the odd rows are passed.
        then: Another problem for a second step, whose gradients are returned.
        present: (2,) bool: which tasks have a label. Default: both.
        **options: Further arguments.
    """
    run = {"torch": _torch, "tensorflow": _tensorflow, "jax": _jax}
    balancer = balancing.get(balancer)
    problems = [problem] if then is None else [problem, then]
    if present is not None:
        options["present"] = keras.ops.convert_to_tensor(present)
    return run[keras.backend.backend()](
        problems, balancer, place == "given", halves, options
    )


def _torch(problems, balancer, given, halves, options):
    import torch

    from polytask.training.native.torch import multitask_backward

    for x, trunk, heads, y in problems:
        shared = torch.nn.Parameter(torch.tensor(trunk))
        own = {t: torch.nn.Parameter(torch.tensor(w)) for t, w in heads.items()}
        h = torch.tensor(x) @ shared
        errors = {t: (h @ own[t] - torch.tensor(y[t])) ** 2 for t in own}
        if given:
            options["representation"] = h
        if halves:
            options["halves"] = [
                {t: e[k::2].mean() for t, e in errors.items()} for k in (0, 1)
            ]
        multitask_backward(
            {t: e.mean() for t, e in errors.items()},
            [shared],
            {t: [w] for t, w in own.items()},
            balancer=balancer,
            **options,
        )
    return shared.grad.numpy(), {t: w.grad.numpy() for t, w in own.items()}


def _tensorflow(problems, balancer, given, halves, options):
    import tensorflow as tf

    from polytask.training.native.tensorflow import multitask_gradients

    balancer.build(2, ("a", "b"), [problems[0][1].shape])
    for x, trunk, heads, y in problems:
        shared = tf.Variable(trunk)
        own = {t: tf.Variable(w) for t, w in heads.items()}

        @tf.function
        def step(x, y, shared=shared, own=own):
            with tf.GradientTape(persistent=True) as tape:
                h = x @ shared
                errors = {t: (tf.linalg.matvec(h, own[t]) - y[t]) ** 2 for t in own}
                losses = {t: tf.reduce_mean(e) for t, e in errors.items()}
                more = dict(options)
                if given:
                    more["representation"] = h
                if halves:
                    more["halves"] = [
                        {t: tf.reduce_mean(e[k::2]) for t, e in errors.items()}
                        for k in (0, 1)
                    ]
            variables = {t: [w] for t, w in own.items()}
            return multitask_gradients(
                tape, losses, [shared], variables, balancer=balancer, **more
            )

        (found,), of_heads = step(tf.constant(x), y)
    return found.numpy(), {t: g[0].numpy() for t, g in of_heads.items()}


def _jax(problems, balancer, given, halves, options):
    import jax
    from jax import numpy as jnp

    from polytask.training.native.jax import multitask_grad

    def trunk_fn(shared, x, y):
        return x @ shared["w"]

    def errors(end, heads, x, y):
        h = end if given else trunk_fn(end, x, y)
        return {t: (h @ w - y[t]) ** 2 for t, w in heads.items()}

    def loss_fn(*args):
        return {t: jnp.mean(e) for t, e in errors(*args).items()}

    def halves_fn(*args):
        found = errors(*args).items()
        return [{t: jnp.mean(e[k::2]) for t, e in found} for k in (0, 1)]

    present = options.pop("present", None)
    grad = multitask_grad(
        loss_fn,
        balancer,
        trunk=trunk_fn if given else None,
        halves=halves_fn if halves else None,
        **options,
    )
    step = jax.jit(lambda *args: grad(*args, present=present))
    state = grad.init({"w": problems[0][1]}, problems[0][2])
    for x, trunk, heads, y in problems:
        (found, own), state, _ = step({"w": trunk}, heads, state, x, y)
    return np.asarray(found["w"]), {t: np.asarray(g) for t, g in own.items()}
