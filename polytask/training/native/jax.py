"""Balanced gradients for JAX loops, with Optax or by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import keras
from jax import numpy as jnp

from polytask.balancing import Balancer
from polytask.training.aggregation import Aggregation
from polytask.training.autodiff_jax import JaxGradients
from polytask.training.native.balance import aggregation, prepared
from polytask.training.task_gradients import HeadGradients

State = list[Any]


class MultiTaskGrad:
    """A pure function from parameters to balanced gradients, like `jax.grad`'s.

    Made by `multitask_grad`. Call `init` once, then the object in every step, inside
    or outside of `jax.jit`.

    Args:
        loss_fn: See `multitask_grad`.
        balancer: See `multitask_grad`.
        trunk: See `multitask_grad`.
        halves: See `multitask_grad`.
        jacobian: See `multitask_grad`.
        clip_task_gradients: See `multitask_grad`.
    """

    def __init__(
        self,
        loss_fn: Callable[..., Any],
        balancer: str | Balancer,
        trunk: Callable[..., Any] | None,
        halves: Callable[..., Any] | None,
        jacobian: str,
        clip_task_gradients: float | None,
    ) -> None:
        self.loss_fn = loss_fn
        self.balancer = balancer
        self.trunk = trunk
        self.halves = halves
        self.jacobian = jacobian
        self.clip_task_gradients = clip_task_gradients
        self.aggregate: Aggregation | None = None

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
        self.aggregate = aggregation(
            self.balancer,
            shapes,
            self.jacobian,
            self.clip_task_gradients,
            has_representation=self.trunk is not None,
            has_halves=self.halves is not None,
        )
        # Copies: a donated state must not take the balancer's own arrays with it.
        return [jnp.array(v.value) for v in self.balancer.variables]

    def __call__(
        self,
        shared: Any,
        heads: Mapping[str, Any],
        state: State,
        *args: Any,
        present: Any = None,
    ) -> tuple[tuple[Any, dict[str, Any]], State, dict[str, Any]]:
        """Return the gradients, the new state and the losses.

        Args:
            shared: Pytree of shared parameters.
            heads: Task → pytree of the task's own parameters.
            state: What `init` or the step before returned.
            *args: Further arguments of the loss function, such as the batch.
            present: (T,) bool: false for a task without a label in this batch, in the
                order of `heads`. It counts for nothing in what is shared; its head's
                gradient is returned as it is. Default: all are there.

        Returns:
            `(shared gradients, task → head gradients)`, the state, task → loss.
        """
        if self.aggregate is None:
            raise TypeError("Call `init(shared, heads)` once before the first step.")
        balancer, tasks = self.aggregate.balancer, list(heads)

        def through(shared: Any) -> Any:
            return shared if self.trunk is None else self.trunk(shared, *args)

        def losses_of(end: Any, heads: Any) -> tuple[Any, Any]:
            groups = [self.loss_fn(end, heads, *args)]
            if self.halves is not None:
                groups += self.halves(end, heads, *args)
            return [[group[task] for task in tasks] for group in groups], groups[0]

        end, through_trunk = jax.vjp(through, shared)
        groups, backward, losses = jax.vjp(losses_of, end, dict(heads), has_aux=True)
        zeros = jax.tree.map(jnp.zeros_like, groups)
        values = jnp.stack(groups[0])

        def one_hot(group: int, task: int) -> Any:
            seeds = [list(parts) for parts in zeros]
            seeds[group][task] = jnp.ones_like(groups[group][task])
            return seeds

        # A head takes part in the loss of its own task only.
        everything = [list(map(jnp.ones_like, groups[0])), *zeros[1:]]
        own = backward(everything)[1]
        structure = jax.tree.structure(shared)

        def at_the_end(group: int) -> list[Any]:
            seeds = [one_hot(group, task) for task in range(len(tasks))]
            if self.trunk is None:
                return [jax.tree.leaves(seed) for seed in seeds]
            return [jax.tree.leaves(backward(seed)[0]) for seed in seeds]

        def pull(cotangent: list[Any]) -> list[Any]:
            if self.trunk is None:
                seeds = jax.tree.unflatten(jax.tree.structure(zeros), cotangent)
                return jax.tree.leaves(backward(seeds)[0])
            seeds = jax.tree.unflatten(jax.tree.structure(end), cotangent)
            return jax.tree.leaves(through_trunk(seeds))

        ways = JaxGradients(
            pull,
            HeadGradients(at_the_end(0)),
            halves=[
                HeadGradients(at_the_end(group)) for group in range(1, len(groups))
            ],
        )
        pairs = list(zip(balancer.variables, state, strict=True))
        there = jnp.ones(len(tasks), bool) if present is None else jnp.asarray(present)
        with keras.StatelessScope(pairs) as scope:
            direction, _ = self.aggregate(values, there, ways)
            state = [scope.get_current_value(v) for v in balancer.variables]
        return (jax.tree.unflatten(structure, direction), own), state, losses


def multitask_grad(
    loss_fn: Callable[..., Mapping[str, Any]],
    balancer: str | Balancer = "equal",
    *,
    trunk: Callable[..., Any] | None = None,
    halves: Callable[..., Any] | None = None,
    jacobian: str = "auto",
    clip_task_gradients: float | None = None,
) -> MultiTaskGrad:
    """Return a function that computes balanced gradients of several losses.

    Args:
        loss_fn: `(shared, heads, *args) -> {task: scalar loss}`; `heads` is a dict from
            task to that task's own parameters.
        balancer: Name or `polytask.balancing.Balancer`.
        trunk: `(shared, *args) -> representation`, the shared part. With it `loss_fn`
            takes the representation in the place of `shared`, and only cotangents run
            through the shared part.
        halves: As `loss_fn`, but returns a pair of dicts: the losses of two disjoint
            halves of the rows, for a balancer that compares them (`modo`, `sdmgrad`,
            `auto_lambda`).
        jacobian: As in `MultiTaskModel.compile`.
        clip_task_gradients: As in `MultiTaskModel.compile`.

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
    return MultiTaskGrad(
        loss_fn, balancer, trunk, halves, jacobian, clip_task_gradients
    )
