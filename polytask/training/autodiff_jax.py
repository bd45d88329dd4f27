"""Differentiation on JAX: pure functions of the state lists that Keras hands over."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Self

import jax
import keras
from jax import numpy as jnp

from polytask._keras_private import carried_mask, carry_mask
from polytask._types import Tensor, Variable
from polytask.knob import Knob, bound
from polytask.training.autodiff import Autodiff, TrainedModel
from polytask.training.batch import Batch
from polytask.training.forward import TrunkResult, run_heads, run_trunk
from polytask.training.heads_result import HeadsResult, gather
from polytask.training.replicas import Replicas
from polytask.training.step import take_step
from polytask.training.task_gradients import (
    Cotangent,
    HeadGradients,
    TaskGradients,
)

State = tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]
Values = dict[int, Tensor]


def train_step(
    model: TrainedModel, state: State, data: Any
) -> tuple[dict[str, Any], State]:
    """Make one update; see `polytask.training.step`.

    Args:
        model: The model.
        state: Trainable, non-trainable, optimizer and metric values.
        data: A batch `(x, y)` or `(x, y, sample_weight)`.

    Returns:
        The logs and the new state.
    """
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    pairs = [
        pair
        for variables, values in zip(groups, state, strict=True)
        for pair in zip(variables, values, strict=True)
    ]
    # The optimizer reads the strengths of penalties and decay in a scope of its own.
    knobs = [(v, value) for v, value in pairs if isinstance(v, Knob)]
    with bound(knobs), keras.StatelessScope(pairs) as scope:
        logs = take_step(JaxAutodiff(model, scope), data)
    trainable, non_trainable, optimizer, metrics = (
        [scope.get_current_value(v) for v in variables] for variables in groups
    )
    return logs, (trainable, non_trainable, optimizer, metrics)


def building_scope(model: TrainedModel) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which training state is made."""
    return contextlib.nullcontext()


def end_training(model: TrainedModel) -> None:
    """Give up what train steps kept for the next one: nothing on JAX."""


class JaxAutodiff(Autodiff):
    """The passes of a train step on JAX.

    Args:
        model: The model.
        scope: Holds the value of every variable; the step moves them there.
    """

    def __init__(self, model: TrainedModel, scope: keras.StatelessScope) -> None:
        super().__init__(model, Replicas())
        self.scope = scope

    def again(self) -> Self:
        """See `Autodiff.again`."""
        return type(self)(self.model, self.scope)

    def trunk(self, x: Any) -> TrunkResult:
        """See `Autodiff.trunk`."""
        plan = self.plan

        def forward(shared: list[Tensor]) -> Any:
            with self._with_values(_bind(plan.graph.shared, shared)) as scope:
                trunk = run_trunk(plan, x)
            live = [trunk.boundary[i] for i in plan.graph.live]
            added = [] if trunk.activity is None else [trunk.activity]
            return (live, added), (trunk, self._statistics(scope))

        trunk: TrunkResult
        self._ends, self._backward_trunk, (trunk, statistics) = jax.vjp(
            forward, self._values(plan.graph.shared), has_aux=True
        )
        self._move(statistics)
        return trunk

    def heads(self, trunk: TrunkResult, batch: Batch) -> HeadsResult:
        """See `Autodiff.heads`."""
        plan, graph = self.plan, self.plan.graph

        def forward(copies: Any, private: Any, tied: Any) -> Any:
            bound: Values = {}
            for task, values in zip(graph.tasks, private, strict=True):
                bound.update(_bind(graph.private[task], values))
            with self._with_values(bound) as scope:

                def bind_tied(task: int) -> None:
                    _assign(graph.tied, tied[task])

                outputs, penalties = run_heads(
                    plan, trunk, self.active, copies, bind_tied
                )
                heads = gather(
                    plan, outputs, penalties, batch, self.active, self.replicas
                )
            masks = {task: carried_mask(end) for task, end in heads.outputs.items()}
            return heads.differentiated, (heads, masks, self._statistics(scope))

        heads: HeadsResult
        self._differentiated, self._backward_heads, beside = jax.vjp(
            forward,
            [[trunk.boundary[i] for i in graph.live] for _ in graph.tasks],
            [self._values(graph.private[task]) for task in graph.tasks],
            [self._values(graph.tied) for _ in graph.tasks],
            has_aux=True,
        )
        heads, masks, statistics = beside
        for task, mask in masks.items():
            # Differentiation hands tensors on as others; metrics look for the mask.
            carry_mask(heads.outputs[task], mask)
        self._move(statistics)
        return heads

    def head_gradients(self, index: int, private: bool = True) -> HeadGradients:
        """See `Autodiff.head_gradients`; XLA leaves out what nobody uses."""
        seeds = _zeros(self._differentiated)
        seeds[index] += self.scale
        return HeadGradients(*self._backward_heads(seeds))

    def task_gradients(
        self, heads: HeadGradients, halves: list[HeadGradients]
    ) -> TaskGradients:
        """See `Autodiff.task_gradients`."""
        _, activity = _zeros(self._ends)
        return JaxGradients(
            lambda cotangent: self._backward_trunk((cotangent, activity))[0],
            heads,
            tied_at=self.plan.tied_at,
            scale=self.scale,
            halves=halves,
        )

    def activity_gradient(self, factor: Tensor) -> list[Tensor]:
        """See `Autodiff.activity_gradient`."""
        live, (activity,) = _zeros(self._ends)
        gradients: list[Tensor]
        (gradients,) = self._backward_trunk((live, [activity + factor]))
        return gradients

    def gradient(
        self, function: Callable[[list[Tensor]], Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """See `Autodiff.gradient`."""
        slopes: list[Tensor] = jax.grad(function)(self._values(variables))
        return slopes

    def input_gradient(
        self, function: Callable[[list[Tensor]], Tensor], values: list[Tensor]
    ) -> list[Tensor]:
        """See `Autodiff.input_gradient`."""

        def pure(inputs: list[Tensor]) -> Tensor:
            # Penalties that a layer adds must not leave the differentiation.
            with self._with_values({}):
                return function(inputs)

        slopes: list[Tensor] = jax.grad(pure)(values)
        return slopes

    def slope_gradient(
        self,
        targets: Callable[[Tensor], list[Tensor]],
        penalty: Callable[[list[Tensor]], Tensor],
        x: Tensor,
    ) -> list[Tensor]:
        """See `Autodiff.slope_gradient`."""
        variables = self.model.trainable_variables

        def value(parameters: list[Tensor]) -> Tensor:
            def pure(row: Tensor) -> list[Tensor]:
                with self._with_values(_bind(variables, parameters)):
                    return targets(row)

            values, pull_back = jax.vjp(pure, x)
            slopes = []
            for index in range(len(values)):
                seeds = _zeros(values)
                seeds[index] += 1.0
                slopes += pull_back(seeds)
            return penalty(slopes)

        found: list[Tensor] = jax.grad(value)(self._values(variables))
        return found

    def apply(self, gradients: list[Tensor]) -> None:
        """Let the optimizer make the update; loss scaling is stateless on JAX."""
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        state = optimizer.variables
        moved, new_state = optimizer.stateless_apply(
            self._values(state), gradients, self._values(variables)
        )
        _assign([*variables, *state], [*moved, *new_state])

    def _values(self, variables: list[Variable]) -> list[Tensor]:
        return [self.scope.get_current_value(v) for v in variables]

    def _with_values(self, values: Values) -> keras.StatelessScope:
        """Return a scope like the step's own, in which some variables differ."""
        scope = keras.StatelessScope(collect_losses=True)
        scope.state_mapping = {**self.scope.state_mapping, **values}
        return scope

    def _statistics(self, scope: keras.StatelessScope) -> list[Tensor]:
        variables = self.model.non_trainable_variables
        return [scope.get_current_value(v) for v in variables]

    def _move(self, statistics: list[Tensor]) -> None:
        _assign(self.model.non_trainable_variables, statistics)


class JaxGradients(TaskGradients):
    """See `TaskGradients`.

    Args:
        pull: The pull-back, a linear function from a cotangent to one gradient for
            each shared variable.
        heads: The tasks' gradients, from their heads.
        **options: Further arguments of `TaskGradients`.
    """

    def __init__(
        self,
        pull: Callable[[Cotangent], list[Any]],
        heads: HeadGradients,
        **options: Any,
    ) -> None:
        super().__init__(heads, **options)
        self.pull = pull

    def pull_back(self, cotangent: Cotangent) -> list[Any]:
        """Return one gradient for each shared variable."""
        return list(self.pull(cotangent))

    def push_forward(self, direction: list[Any]) -> Cotangent:
        """Transpose the pull-back."""
        (moved,) = jax.linear_transpose(self.pull, self.heads.cotangents[0])(direction)
        return list(moved)

    def each(self, function: Callable[..., Tensor], *items: Sequence[Any]) -> Tensor:
        """Loop over the tasks inside the compiled step."""
        stacks = [
            jax.tree.map(lambda *parts: jnp.stack(parts), *item) for item in items
        ]
        return jax.lax.map(lambda parts: function(*parts), tuple(stacks))

    def choose(
        self,
        condition: Any,
        then: Callable[[], Any],
        otherwise: Callable[[], Any],
        variables: list[Variable],
    ) -> Any:
        """Run one of two branches; what they assign is handed out of them."""

        def branch(function: Callable[[], Any]) -> Callable[[list[Any]], Any]:
            def run(values: list[Any]) -> Any:
                pairs = list(zip(variables, values, strict=True))
                with keras.StatelessScope(pairs) as scope:
                    returned = function()
                    after = [scope.get_current_value(v) for v in variables]
                return returned, after

            return run

        values = [jnp.asarray(v.value) for v in variables]
        returned, after = jax.lax.cond(
            condition, branch(then), branch(otherwise), values
        )
        _assign(variables, after)
        return returned


def _bind(variables: list[Variable], values: list[Tensor]) -> Values:
    return {id(v): value for v, value in zip(variables, values, strict=True)}


def _assign(variables: list[Variable], values: list[Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _zeros(tree: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, tree)
