"""Balanced gradients for JAX loops, with Optax or by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import keras
from jax import numpy as jnp

from polytask.balancing import Balancer
from polytask.training.native.balance import combined, prepared

State = list[Any]


class MultiTaskGrad:
    """A pure function from parameters to balanced gradients, like `jax.grad`'s.

    Made by `multitask_grad`. Call `init` once, then the object in every step, inside
    or outside of `jax.jit`.

    Args:
        loss_fn: See `multitask_grad`.
        balancer: See `multitask_grad`.
    """

    def __init__(self, loss_fn: Callable[..., Any], balancer: str | Balancer) -> None:
        self.loss_fn = loss_fn
        self.balancer = balancer

    def init(self, shared: Any, heads: Mapping[str, Any]) -> State:
        """Return the balancer's first state.

        Args:
            shared: Pytree of shared parameters.
            heads: Task → pytree of the task's own parameters.

        Returns:
            A list of arrays; empty for a balancer without state.
        """
        shapes = [tuple(leaf.shape) for leaf in jax.tree.leaves(shared)]
        self.balancer = prepared(self.balancer, list(heads), shapes, "jax")
        # Copies: a donated state must not take the balancer's own arrays with it.
        return [jnp.array(v.value) for v in self.balancer.variables]

    def __call__(
        self, shared: Any, heads: Mapping[str, Any], state: State, *args: Any
    ) -> tuple[tuple[Any, dict[str, Any]], State, dict[str, Any]]:
        """Return the gradients, the new state and the losses.

        Args:
            shared: Pytree of shared parameters.
            heads: Task → pytree of the task's own parameters.
            state: What `init` or the step before returned.
            *args: Further arguments of the loss function, such as the batch.

        Returns:
            `(shared gradients, task → head gradients)`, the state, task → loss.
        """
        balancer, tasks = self.balancer, list(heads)
        if isinstance(balancer, str):
            raise TypeError("Call `init(shared, heads)` once before the first step.")

        def losses_of(shared: Any, heads: Any) -> tuple[Any, Any]:
            losses = self.loss_fn(shared, heads, *args)
            return [losses[task] for task in tasks], losses

        values, pull_back, losses = jax.vjp(
            losses_of, shared, dict(heads), has_aux=True
        )
        zeros = [jnp.zeros_like(value) for value in values]
        pulled = []
        own: dict[str, Any] = {}
        for index, task in enumerate(tasks):
            seed = list(zeros)
            seed[index] = jnp.ones_like(values[index])
            of_shared, of_heads = pull_back(seed)
            pulled.append(jax.tree.leaves(of_shared))
            own[task] = of_heads[task]
        rows = [jnp.stack(row) for row in zip(*pulled, strict=True)]
        pairs = list(zip(balancer.variables, state, strict=True))
        with keras.StatelessScope(pairs) as scope:
            direction, _ = combined(balancer, jnp.stack(values), rows)
            state = [scope.get_current_value(v) for v in balancer.variables]
        gradients = jax.tree.unflatten(jax.tree.structure(shared), direction)
        return (gradients, own), state, losses


def multitask_grad(
    loss_fn: Callable[..., Mapping[str, Any]], balancer: str | Balancer = "equal"
) -> MultiTaskGrad:
    """Return a function that computes balanced gradients of several losses.

    Args:
        loss_fn: `(shared, heads, *args) -> {task: scalar loss}`; `heads` is a dict from
            task to that task's own parameters.
        balancer: Name or `polytask.balancing.Balancer`.

    Returns:
        A pure function, to be used as in the example. Heads get their own task's
        gradient, unweighted.

    Example:
        >>> import jax.numpy as jnp
        >>> def losses(shared, heads, x):
        ...     h = x @ shared
        ...     return {t: jnp.mean((h * w - 1.0) ** 2) for t, w in heads.items()}
        >>> shared, heads = jnp.ones(3), {"a": jnp.ones(()), "b": -jnp.ones(())}
        >>> grad = multitask_grad(losses, balancer="nash_mtl")
        >>> state = grad.init(shared, heads)
        >>> x = jnp.ones((4, 3))
        >>> (direction, own), state, values = grad(shared, heads, state, x)
        >>> direction.shape
        (3,)
    """
    return MultiTaskGrad(loss_fn, balancer)
