"""Nash-MTL in a pure JAX loop, jitted; put an Optax update where the SGD step is.

KERAS_BACKEND=jax python examples/native/jax_loop.py
"""

import jax
from jax import numpy as jnp

from polytask.training.native.jax import multitask_grad

keys = jax.random.split(jax.random.key(0), 4)
x = jax.random.normal(keys[0], (512, 16))
y = {"click": (x[:, 0] > 0).astype("float32"), "rating": 10 * (x[:, 1] - x[:, 0])}
shared = {"kernel": jax.random.normal(keys[1], (16, 32)) / 4}
heads = {"click": jax.random.normal(keys[2], (32,)) / 6}
heads["rating"] = jax.random.normal(keys[3], (32,)) / 6


def loss_fn(shared, heads, x, y):
    h = jax.nn.relu(x @ shared["kernel"])
    output = {task: h @ head for task, head in heads.items()}
    signed = output["click"] * (1 - 2 * y["click"])
    return {
        "click": jnp.mean(jax.nn.softplus(signed)),
        "rating": jnp.mean((output["rating"] - y["rating"]) ** 2),
    }


grad = multitask_grad(loss_fn, balancer="nash_mtl")
state = grad.init(shared, heads)


@jax.jit
def step(shared, heads, state):
    (direction, own), state, losses = grad(shared, heads, state, x, y)
    shared, heads = jax.tree.map(
        lambda p, g: p - 0.02 * g, (shared, heads), (direction, own)
    )
    return shared, heads, state, losses


for index in range(201):
    shared, heads, state, losses = step(shared, heads, state)
    if index % 50 == 0:
        print(index, {task: round(float(loss), 3) for task, loss in losses.items()})
