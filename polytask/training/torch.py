"""The train step on PyTorch: eager, with `torch.autograd.grad` instead of `.grad`."""

from typing import Any

import torch

from polytask.training import step as steps
from polytask.training.step import HeadsResult, StepPlan


class TrainStep:
    """`train_step` of `MultiTaskModel` on PyTorch."""

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

        statistics = [
            (v, v.value.detach().clone()) for v in self.non_trainable_variables
        ]
        boundary, masks, activity = steps.run_trunk(plan, x)
        live = [boundary[i] for i in plan.graph.live]
        result, cotangents, private, tied = _heads(
            plan, boundary, live, masks, y, sample_weight, scale
        )
        if activity is not None:
            activity_objective = activity * scale
        finite = steps.all_finite(result)
        parameters = [v.value for v in plan.graph.shared]

        def pull(cotangent: list[Any], tied_gradient: list[Any]) -> list[Any]:
            gradients = _gradients(live, parameters, cotangent)
            return steps.add_tied(plan, gradients, tied_gradient)

        with torch.no_grad():
            weights = torch.zeros_like(result.losses)
            if bool(finite):
                if plan.needs_rows:
                    pulled = [pull(*p) for p in zip(cotangents, tied, strict=True)]
                    rows = [torch.stack(row) for row in zip(*pulled, strict=True)]
                    shared, weights = steps.shared_gradients(plan, result, rows, scale)
                else:
                    weights = steps.loss_weights_of(plan, result)
                    shared = pull(
                        steps.weighted(weights, cotangents),
                        steps.weighted(weights, tied),
                    )
                if activity is not None:
                    extra = _gradients([activity_objective], parameters, None)
                    shared = [a + b for a, b in zip(shared, extra, strict=True)]
                ordered = _ordered(self, plan, result, shared, private, weights, scale)
            total = self.objective(result, activity)
            steps.record_step(plan, result, weights, finite)
            if bool(finite):
                optimizer.apply(ordered, self.trainable_variables)
            else:
                for variable, value in statistics:
                    variable.assign(value)
            return self.log_step(y, sample_weight, result, total, finite)


def _heads(
    plan: StepPlan,
    boundary: list[Any],
    live: list[Any],
    masks: list[Any],
    y: Any,
    sample_weight: Any,
    scale: Any,
) -> tuple[HeadsResult, list[Any], list[Any], list[Any]]:
    """Return the result and, per task: cotangent, private and tied gradients."""
    copies = [[t.detach().requires_grad_() for t in live] for _ in plan.graph.tasks]
    active = plan.optimizer.active.value
    outputs, added = {}, []
    for task, name in enumerate(plan.graph.tasks):
        tensors = plan.graph.with_copies(boundary, copies[task])
        outputs[name], penalty = steps.run_head(plan, task, tensors, masks, active)
        added.append(penalty)
    result = steps.gather(plan, outputs, added, y, sample_weight, active)
    private = [[v.value for v in plan.graph.private[t]] for t in plan.graph.tasks]
    flat = [t for part in (*copies, *private) for t in part]
    gradients = iter(_gradients([result.objective * scale], flat, None))
    cotangents = [[next(gradients) for _ in copy] for copy in copies]
    own = [[next(gradients) for _ in part] for part in private]
    tied_values = [v.value for v in plan.graph.tied]
    tied = [
        _gradients([loss * scale], tied_values, None) if tied_values else []
        for loss in result.losses
    ]
    return result, cotangents, own, tied


def _ordered(
    model: Any,
    plan: StepPlan,
    result: HeadsResult,
    shared: list[Any],
    private: list[Any],
    weights: Any,
    scale: Any,
) -> list[Any]:
    """Return one gradient for each trainable variable of the model."""
    gradients = dict(zip(map(id, plan.graph.shared), shared, strict=True))
    for task, name in enumerate(plan.graph.tasks):
        for variable, own in zip(plan.graph.private[name], private[task], strict=True):
            gradients[id(variable)] = steps.head_gradient(plan, own, weights, task)
    if plan.penalties:
        values = [v.value for v in plan.penalized]
        with torch.enable_grad():
            penalty = steps.penalty_value(plan, values, result.counts) * scale
        slopes = _gradients([penalty], values, None)
        for variable, slope in zip(plan.penalized, slopes, strict=True):
            gradients[id(variable)] = gradients.get(id(variable), 0.0) + slope
    return [
        gradients[id(v)] if id(v) in gradients else torch.zeros_like(v.value)
        for v in model.trainable_variables
    ]


def _gradients(
    outputs: list[Any], inputs: list[Any], cotangent: list[Any] | None
) -> list[Any]:
    """Return the gradients, zeros for inputs that the outputs do not depend on."""
    if not inputs:
        return []
    if not any(t.requires_grad for t in outputs):
        return [torch.zeros_like(t) for t in inputs]
    gradients = torch.autograd.grad(
        outputs, inputs, cotangent, retain_graph=True, allow_unused=True
    )
    return [
        torch.zeros_like(t) if g is None else g
        for t, g in zip(inputs, gradients, strict=True)
    ]
