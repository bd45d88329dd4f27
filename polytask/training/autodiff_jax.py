"""The train step on JAX: a pure function of the state lists that Keras hands over."""

import contextlib
from typing import Any

import jax
import keras
from jax import numpy as jnp

from polytask.knob import Knob, bound
from polytask.training import step as steps
from polytask.training.heads_result import HeadsResult, gather
from polytask.training.jax_gradients import JaxGradients
from polytask.training.replicas import Replicas
from polytask.training.step_plan import StepPlan
from polytask.training.task_gradients import total

State = tuple[list[Any], list[Any], list[Any], list[Any]]
Values = dict[int, Any]


class TrainStep:
    """`train_step` of `MultiTaskModel` on JAX."""

    def building_scope(self) -> Any:
        """Return the context in which training state is made."""
        return contextlib.nullcontext()

    def train_step(self: Any, state: State, data: Any) -> tuple[dict[str, Any], State]:
        """Make one update; see `polytask.training.step`.

        Args:
            state: Trainable, non-trainable, optimizer and metric values.
            data: A batch `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            The logs and the new state.
        """
        pairs = zip(self.non_trainable_variables, state[1], strict=True)
        # Penalties and decay read their strengths in several scopes.
        with bound((v, value) for v, value in pairs if isinstance(v, Knob)):
            return self._update(state, data)

    def _update(self: Any, state: State, data: Any) -> tuple[dict[str, Any], State]:
        trainable, non_trainable, optimizer_state, metric_state = state
        plan: StepPlan = self.step_plan
        optimizer = self.optimizer
        x, y, sample_weight = self.unpack(data)
        values = _bind(self.trainable_variables, trainable)
        optimizer_pairs = list(zip(optimizer.variables, optimizer_state, strict=True))
        with keras.StatelessScope(optimizer_pairs) as scope:
            scale = optimizer.scale_loss(1.0)
            active = scope.get_current_value(plan.optimizer.active)

        passes = _Passes(self, plan, values, non_trainable, scale, active)
        boundary, masks, activity, pull_back = passes.trunk(x)
        result, whole, joint, halves = passes.heads(boundary, masks, y, sample_weight)
        cotangents, private, tied = whole
        finite = steps.all_usable(plan, result)
        ends = JaxGradients(
            lambda cotangent: pull_back(cotangent, 0.0),
            cotangents,
            tied=tied,
            tied_at=plan.tied_at,
            scale=scale,
            halves=halves,
        )
        with keras.StatelessScope(optimizer_pairs) as scope:
            shared, weights = steps.shared_gradients(plan, result, ends)
            ready = [scope.get_current_value(v) for v in optimizer.variables]
        if joint is not None:
            extra = ends.gradient(total(joint[0]), total(joint[2]))
            shared = jax.tree.map(jnp.add, shared, extra)
        if activity is not None:
            extra = pull_back([jnp.zeros_like(c) for c in cotangents[0]], scale)
            shared = jax.tree.map(jnp.add, shared, extra)

        gradients = _bind(plan.graph.shared, shared)
        for task, name in enumerate(plan.graph.tasks):
            own = [steps.head_gradient(plan, g, weights, task) for g in private[task]]
            if joint is not None:
                own = jax.tree.map(jnp.add, own, joint[1][task])
            gradients.update(_bind(plan.graph.private[name], own))
        if plan.penalties:
            slopes = jax.grad(
                lambda w: steps.penalty_value(plan, w, result.counts) * scale
            )([values[id(v)] for v in plan.penalized])
            for variable, slope in zip(plan.penalized, slopes, strict=True):
                gradients[id(variable)] = gradients.get(id(variable), 0.0) + slope
        ordered = [
            gradients.get(id(v), jnp.zeros_like(value))
            for v, value in zip(self.trainable_variables, trainable, strict=True)
        ]
        finite &= steps.finite_gradients(plan, ends, ordered)
        pairs = list(zip(optimizer.variables, ready, strict=True))
        with keras.StatelessScope(pairs) as scope:
            steps.record_step(plan, result, weights, finite)
            ready = [scope.get_current_value(v) for v in optimizer.variables]
        new_trainable, new_optimizer_state = optimizer.stateless_apply(
            ready, ordered, trainable
        )

        if plan.balancer.needs_next_losses:
            # The state before the step holds its seeds and batch statistics.
            pairs = list(zip(self.trainable_variables, new_trainable, strict=True))
            pairs += zip(self.non_trainable_variables, non_trainable, strict=True)
            with keras.StatelessScope(pairs):
                again = steps.losses_again(
                    plan, x, y, sample_weight, active, Replicas()
                )
            pairs = list(zip(optimizer.variables, optimizer_state, strict=True))
            with keras.StatelessScope(pairs):
                before = steps.updates_made(plan)
            pairs = list(zip(optimizer.variables, new_optimizer_state, strict=True))
            with keras.StatelessScope(pairs) as scope:
                steps.learn_from(plan, result, again, before)
                new_optimizer_state = [
                    scope.get_current_value(v) for v in optimizer.variables
                ]

        current = list(zip(self.trainable_variables, trainable, strict=True))
        with keras.StatelessScope(current):
            value = self.objective(result, activity)

        # A step that is not taken leaves no trace but its count.
        counter = next(
            i for i, v in enumerate(optimizer.variables) if v is plan.optimizer.skipped
        )
        trainable = _choose(finite, new_trainable, trainable)
        non_trainable = _choose(finite, passes.non_trainable, non_trainable)
        # Without the update, the counter stays at what `record_step` made it.
        old_state = [old for _, old in optimizer_pairs]
        old_state[counter] = ready[counter]
        optimizer_state = _choose(finite, new_optimizer_state, old_state)
        metric_pairs = list(zip(self.metrics_variables, metric_state, strict=True))
        with keras.StatelessScope(metric_pairs) as scope:
            logs = self.log_step(y, sample_weight, result, value, finite)
            metric_state = [scope.get_current_value(v) for v in self.metrics_variables]
        return logs, (trainable, non_trainable, optimizer_state, metric_state)


class _Passes:
    """The forward and backward passes on fixed variable values.

    Attributes:
        non_trainable: Values of the non-trainable variables after the passes so far.
    """

    def __init__(
        self,
        model: Any,
        plan: StepPlan,
        values: Values,
        non_trainable: list[Any],
        scale: Any,
        active: Any,
    ) -> None:
        self.model = model
        self.plan = plan
        self.values = values
        self.non_trainable = non_trainable
        self.scale = scale
        self.active = active

    def _scope(self, trainable: Values, fixed: list[Any]) -> keras.StatelessScope:
        mapping = [
            (v, trainable[id(v)])
            for v in self.model.trainable_variables
            if id(v) in trainable
        ]
        mapping += zip(self.model.non_trainable_variables, fixed, strict=True)
        return keras.StatelessScope(mapping, collect_losses=True)

    def _after(self, scope: keras.StatelessScope) -> list[Any]:
        return [scope.get_current_value(v) for v in self.model.non_trainable_variables]

    def trunk(self, x: Any) -> tuple[list[Any], list[Any], Any, Any]:
        """Return boundary, masks, activity penalty or None, and the pull-back."""
        plan = self.plan

        def forward(shared: list[Any]) -> tuple[Any, Any]:
            bound = _bind(plan.graph.shared, shared)
            with self._scope(bound, self.non_trainable) as scope:
                boundary, masks, activity = steps.run_trunk(plan, x)
                after = self._after(scope)
            live = [boundary[i] for i in plan.graph.live]
            added = [] if activity is None else [activity]
            return (live, added), (boundary, masks, after)

        shared = [self.values[id(v)] for v in plan.graph.shared]
        (_, added), vjp, (boundary, masks, self.non_trainable) = jax.vjp(
            forward, shared, has_aux=True
        )

        def pull_back(cotangent: list[Any], activity_cotangent: Any) -> list[Any]:
            ones = [jnp.ones_like(a) * activity_cotangent for a in added]
            (gradients,) = vjp((cotangent, ones))
            return gradients

        return boundary, masks, added[0] if added else None, pull_back

    def heads(
        self, boundary: list[Any], masks: list[Any], y: Any, sample_weight: Any
    ) -> tuple[HeadsResult, Any, Any, list[tuple[Any, Any]]]:
        """Return the result and the gradients.

        Per task: cotangent, private and tied gradients; the same of the penalties on
        several outputs, or None; and for each half of the batch, if it is compared,
        cotangents and tied gradients.
        """
        plan = self.plan

        def forward(copies: Any, private: Any, tied: Any) -> tuple[Any, Any]:
            fixed, outputs, added = self.non_trainable, {}, []
            for task, name in enumerate(plan.graph.tasks):
                bound = _bind(plan.graph.private[name], private[task])
                bound.update(_bind(plan.graph.tied, tied[task]))
                tensors = plan.graph.with_copies(boundary, copies[task])
                with self._scope(bound, fixed) as scope:
                    outputs[name], penalty = steps.run_head(
                        plan, task, tensors, masks, self.active
                    )
                    fixed = self._after(scope)
                added.append(penalty)
            result = gather(
                plan, outputs, added, y, sample_weight, self.active, Replicas()
            )
            scalars = [result.objective, *map(jnp.sum, result.halves)]
            if result.joint is not None:
                scalars.append(result.joint)
            return [s * self.scale for s in scalars], (vars(result), fixed)

        tasks = plan.graph.tasks
        copies = [[boundary[i] for i in plan.graph.live] for _ in tasks]
        private = [[self.values[id(v)] for v in plan.graph.private[t]] for t in tasks]
        tied = [[self.values[id(v)] for v in plan.graph.tied] for _ in tasks]
        objectives, backward, (result, self.non_trainable) = jax.vjp(
            forward, copies, private, tied, has_aux=True
        )

        def gradient_of(position: int) -> Any:
            seeds = [jnp.zeros_like(objective) for objective in objectives]
            seeds[position] = jnp.ones_like(seeds[position])
            return backward(seeds)

        found = HeadsResult(**result)
        halves = [gradient_of(1 + half) for half in range(len(found.halves))]
        return (
            found,
            gradient_of(0),
            None if found.joint is None else gradient_of(-1),
            [(cotangents, tied) for cotangents, _, tied in halves],
        )


def _bind(variables: list[keras.Variable], values: list[Any]) -> Values:
    return {id(v): value for v, value in zip(variables, values, strict=True)}


def _choose(condition: Any, new: list[Any], old: list[Any]) -> list[Any]:
    return [jnp.where(condition, a, b) for a, b in zip(new, old, strict=True)]
