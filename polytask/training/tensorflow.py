"""The train step on TensorFlow: one persistent tape, inside Keras's `tf.function`."""

from typing import Any

import tensorflow as tf

from polytask.training import step as steps
from polytask.training.step import StepPlan


class TrainStep:
    """`train_step` of `MultiTaskModel` on TensorFlow."""

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
            result = steps.gather(plan, outputs, added, y, sample_weight, active)
            objective = result.objective * scale
            per_task = tf.unstack(result.losses * scale, plan.num_tasks)
            if activity is not None:
                activity_objective = activity * scale
            slope_of = (
                steps.penalty_value(
                    plan, [v.value for v in plan.penalized], result.counts
                )
                * scale
            )
        finite = steps.all_finite(result)
        private = [[v.value for v in plan.graph.private[t]] for t in plan.graph.tasks]
        cotangents, own = _gradients(tape, objective, [copies, private])
        tied_values = [v.value for v in plan.graph.tied]
        tied = [
            _gradients(tape, loss, [tied_values])[0] if tied_values else []
            for loss in per_task
        ]
        parameters = [v.value for v in plan.graph.shared]

        def pull(cotangent: list[Any], tied_gradient: list[Any]) -> list[Any]:
            gradients = _gradients(tape, live, [parameters], cotangent)[0]
            if plan.graph.tied:
                gradients = list(map(_dense, gradients))
            return steps.add_tied(plan, gradients, list(map(_dense, tied_gradient)))

        if plan.needs_rows:
            pulled = [pull(*pair) for pair in zip(cotangents, tied, strict=True)]
            rows = [
                tf.stack(list(map(_dense, row))) for row in zip(*pulled, strict=True)
            ]
            shared, weights = steps.shared_gradients(plan, result, rows, scale)
        else:
            weights = steps.loss_weights_of(plan, result)
            shared = pull(
                steps.weighted(weights, cotangents), steps.weighted(weights, tied)
            )
        if activity is not None:
            extra = _gradients(tape, activity_objective, [parameters])[0]
            shared = [_dense(a) + _dense(b) for a, b in zip(shared, extra, strict=True)]
        gradients = dict(zip(map(id, plan.graph.shared), shared, strict=True))
        for task, name in enumerate(plan.graph.tasks):
            for v, gradient in zip(plan.graph.private[name], own[task], strict=True):
                if not plan.own_head_gradients:
                    gradient = _dense(gradient)
                gradients[id(v)] = steps.head_gradient(plan, gradient, weights, task)
        if plan.penalties:
            penalized = [v.value for v in plan.penalized]
            slopes = _gradients(tape, slope_of, [penalized])[0]
            for v, slope in zip(plan.penalized, slopes, strict=True):
                gradients[id(v)] = _dense(gradients.get(id(v), 0.0)) + slope
        ordered = [
            gradients[id(v)] if id(v) in gradients else tf.zeros_like(v.value)
            for v in self.trainable_variables
        ]
        total = self.objective(result, activity)
        steps.record_step(plan, result, weights, finite)
        self._apply_if(finite, ordered, statistics)
        return self.log_step(y, sample_weight, result, total, finite)

    def _apply_if(
        self: Any, finite: Any, gradients: list[Any], statistics: list[Any]
    ) -> None:
        """Apply the gradients, or put the batch statistics back."""

        def apply() -> None:
            self.optimizer.apply(gradients, self.trainable_variables)

        def undo() -> None:
            for variable, value in statistics:
                variable.assign(value)

        if tf.distribute.has_strategy():
            # The optimizer communicates between replicas, which TensorFlow forbids
            # inside a condition.
            apply()
        else:
            tf.cond(finite, apply, undo)


def _gradients(
    tape: tf.GradientTape, target: Any, sources: list[Any], cotangent: Any = None
) -> Any:
    """Return the gradients in the structure of `sources`, zeros where unconnected."""
    return tape.gradient(
        target,
        sources,
        output_gradients=cotangent,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )


def _dense(gradient: Any) -> Any:
    """Return a gradient as a tensor; an embedding's comes as slices."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.convert_to_tensor(gradient)
    return gradient
