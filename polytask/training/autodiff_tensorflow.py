"""The train step on TensorFlow: one persistent tape, inside Keras's `tf.function`."""

from typing import Any

import tensorflow as tf

from polytask.training import step as steps
from polytask.training.heads_result import gather
from polytask.training.replicas_tensorflow import StrategyReplicas, assign
from polytask.training.step_plan import StepPlan
from polytask.training.task_gradients import total
from polytask.training.tensorflow_gradients import (
    TensorFlowGradients,
    dense,
    gradients,
)


class TrainStep:
    """`train_step` of `MultiTaskModel` on TensorFlow."""

    def building_scope(self: Any) -> Any:
        """Return the context in which training state is made."""
        return self.distribute_strategy.scope()

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        """Make one update; see `polytask.training.step`.

        Args:
            data: A batch `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            The logs.
        """
        plan: StepPlan = self.step_plan
        optimizer = self.optimizer
        x, y, sample_weight = self.unpack(data)
        scale = optimizer.scale_loss(1.0)
        active = tf.identity(plan.optimizer.active.value)
        replicas = StrategyReplicas.current()

        statistics = [(v, tf.identity(v.value)) for v in self.non_trainable_variables]
        with tf.GradientTape(persistent=True) as tape:
            boundary, masks, activity = steps.run_trunk(plan, x)
            live = [boundary[i] for i in plan.graph.live]
            copies = [[tf.identity(t) for t in live] for _ in plan.graph.tasks]
            outputs, added = {}, []
            for task, name in enumerate(plan.graph.tasks):
                tensors = plan.graph.with_copies(boundary, copies[task])
                outputs[name], penalty = steps.run_head(
                    plan, task, tensors, masks, active
                )
                added.append(penalty)
            result = gather(plan, outputs, added, y, sample_weight, active, replicas)
            objectives = [
                (objective * scale, tf.unstack(parts * scale, plan.num_tasks))
                for objective, parts in (
                    (result.objective, result.parts),
                    *((tf.reduce_sum(half), half) for half in result.halves),
                )
            ]
            part = scale / replicas.count
            if activity is not None:
                activity_objective = activity * part
            if result.joint is not None:
                joint_objective = result.joint * scale
            penalized = [v.value for v in plan.penalized]
            slope_of = steps.penalty_value(plan, penalized, result.counts) * part
        finite = steps.all_usable(plan, result)
        private = [[v.value for v in plan.graph.private[t]] for t in plan.graph.tasks]
        tied_values = [v.value for v in plan.graph.tied]

        def backward(objective: Any, parts: Any, sources: list[Any]) -> Any:
            tied = [
                gradients(tape, part, tied_values) if tied_values else []
                for part in parts
            ]
            return gradients(tape, objective, sources), tied

        (cotangents, own), tied = backward(*objectives[0], [copies, private])
        parameters = [v.value for v in plan.graph.shared]
        ends = TensorFlowGradients(
            tape,
            live,
            parameters,
            cotangents,
            tied=tied,
            tied_at=plan.tied_at,
            scale=scale,
            replicas=replicas,
            halves=[backward(*objective, copies) for objective in objectives[1:]],
        )
        shared, weights = steps.shared_gradients(plan, result, ends)
        if result.joint is not None:
            (joint_cotangents, joint_own), (joint_tied,) = backward(
                joint_objective, [joint_objective], [copies, private]
            )
            extra = ends.gradient(total(joint_cotangents), joint_tied)
            shared = [dense(a) + dense(b) for a, b in zip(shared, extra, strict=True)]
        if activity is not None:
            extra = gradients(tape, activity_objective, parameters)
            shared = [dense(a) + dense(b) for a, b in zip(shared, extra, strict=True)]
        by_variable = dict(zip(map(id, plan.graph.shared), shared, strict=True))
        for task, name in enumerate(plan.graph.tasks):
            for v, gradient in zip(plan.graph.private[name], own[task], strict=True):
                if not plan.own_head_gradients:
                    gradient = dense(gradient)
                by_variable[id(v)] = steps.head_gradient(plan, gradient, weights, task)
            if result.joint is not None:
                pairs = zip(plan.graph.private[name], joint_own[task], strict=True)
                for v, gradient in pairs:
                    by_variable[id(v)] = dense(by_variable[id(v)]) + dense(gradient)
        if plan.penalties:
            slopes = gradients(tape, slope_of, penalized)
            for v, slope in zip(plan.penalized, slopes, strict=True):
                by_variable[id(v)] = dense(by_variable.get(id(v), 0.0)) + slope
        ordered = [
            by_variable[id(v)] if id(v) in by_variable else tf.zeros_like(v.value)
            for v in self.trainable_variables
        ]
        value = self.objective(result, activity, replicas.count)
        finite &= steps.finite_gradients(plan, ends, ordered)
        steps.record_step(plan, result, weights, finite)

        def again() -> Any:
            return steps.losses_again(plan, x, y, sample_weight, active, replicas)

        before = steps.updates_made(plan)
        self._apply_if(finite, ordered, statistics)
        if plan.balancer.needs_next_losses:
            losses = self._with_values(statistics, again)
            steps.learn_from(plan, result, losses, before)
        return self.log_step(y, sample_weight, result, value, finite)

    def _with_values(self: Any, values: list[Any], function: Any) -> Any:
        """Return what a function returns while variables have other values."""
        kept = [(v, tf.identity(v.value)) for v, _ in values]
        for variable, value in values:
            assign(variable, value)
        returned = function()
        for variable, value in kept:
            assign(variable, value)
        return returned

    def _apply_if(
        self: Any, finite: Any, gradients: list[Any], statistics: list[Any]
    ) -> None:
        """Apply the gradients, or put the batch statistics back."""

        def apply() -> None:
            self.optimizer.apply(gradients, self.trainable_variables)

        def undo() -> None:
            for variable, value in statistics:
                variable.assign(value)

        if not tf.distribute.has_strategy() and not self.jit_compile:
            tf.cond(finite, apply, undo)
            return
        # The optimizer communicates between replicas, which TensorFlow forbids inside
        # a condition. And XLA moves the backward pass into it, where it has no fast
        # convolution. So make the update, and put everything back.
        moving = [*self.trainable_variables, *self.optimizer.variables]
        before = [(v, tf.identity(v.value)) for v in moving] + statistics
        apply()
        for variable, value in before:
            assign(variable, tf.where(finite, variable.value, value))
