"""The floor on JAX."""

from collections.abc import Callable
from typing import Any

import jax
from jax import numpy as jnp


def floor(parts: Any, batched: bool) -> Callable[[int], None]:
    """Return a function that makes steps.

    Args:
        parts: `timing.floor.KerasParts`.
        batched: Whether to pull all tasks back together.
    """
    trunk, heads = parts.trunk, list(parts.heads.values())
    targets = list(parts.y.values())

    def trunk_of(shared: list[Any], x: Any) -> Any:
        return trunk.stateless_call(shared, [], x, training=True)[0]

    def loss(copies: list[Any], private: list[list[Any]], targets: list[Any]) -> Any:
        outputs = [
            head.stateless_call(own, [], copy, training=True)[0]
            for head, own, copy in zip(heads, private, copies, strict=True)
        ]
        return sum(
            jnp.mean(jnp.square(output - target))
            for output, target in zip(outputs, targets, strict=True)
        )

    def step(state: Any, x: Any, targets: list[Any]) -> Any:
        trainable, optimizer_state = state
        values = dict(zip(map(id, parts.variables), trainable, strict=True))
        shared = [values[id(v)] for v in trunk.trainable_variables]
        private = [[values[id(v)] for v in head.trainable_variables] for head in heads]
        end, pull_back = jax.vjp(lambda s: trunk_of(s, x), shared)
        value, (cotangents, own) = jax.value_and_grad(loss, argnums=(0, 1))(
            [end] * len(heads), private, targets
        )
        if batched:
            (rows,) = jax.vmap(pull_back)(jnp.stack(cotangents))
            gradients = [row.sum(axis=0) for row in rows]
        else:
            pulled = [pull_back(cotangent)[0] for cotangent in cotangents]
            gradients = [sum(row) for row in zip(*pulled, strict=True)]
        ordered = parts.ordered(gradients, own)
        state = parts.optimizer.stateless_apply(optimizer_state, ordered, trainable)
        return value, state

    # Copies, because the state is donated.
    state = (
        [jnp.array(v.value) for v in parts.variables],
        [jnp.array(v.value) for v in parts.optimizer.variables],
    )
    compiled = jax.jit(step, donate_argnums=0)

    def run(steps: int) -> None:
        nonlocal state
        for _ in range(steps):
            value, state = compiled(state, parts.x, targets)
        float(value)

    return run
