"""The train step on PyTorch: eager, with `torch.autograd.grad` instead of `.grad`."""

import contextlib
from typing import Any

import torch

from polytask.training import step as steps
from polytask.training.heads_result import HeadsResult, gather
from polytask.training.replicas import Replicas
from polytask.training.replicas_torch import Processes
from polytask.training.step_plan import StepPlan
from polytask.training.task_gradients import total
from polytask.training.torch_gradients import (
    TorchGradients,
    forget_stacks,
    gradients,
)
from polytask.training.torch_random import RandomStates


class TrainStep:
    """`train_step` of `MultiTaskModel` on PyTorch."""

    def building_scope(self) -> Any:
        """Return the context in which training state is made."""
        return contextlib.nullcontext()

    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Train as `keras.Model.fit`, then give up the memory of the gradients."""
        try:
            return super().fit(*args, **kwargs)  # type: ignore[misc]
        finally:
            if self.compiled:
                forget_stacks([v.value for v in self.step_plan.graph.shared])

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
        replicas = Processes.current()

        states = RandomStates() if plan.balancer.needs_next_losses else None
        statistics = [
            (v, v.value.detach().clone()) for v in self.non_trainable_variables
        ]
        boundary, masks, activity = steps.run_trunk(plan, x)
        active = plan.optimizer.active.value
        result, private, joint, ends = _heads(
            plan, boundary, masks, y, sample_weight, active, scale, replicas
        )
        if activity is not None:
            activity_objective = activity * (scale / replicas.count)
        finite = steps.all_usable(plan, result)

        with torch.no_grad():
            weights = torch.zeros_like(result.losses)
            if bool(finite):
                shared, weights = steps.shared_gradients(plan, result, ends)
                if joint is not None:
                    extra = ends.gradient(total(joint[0]), total(joint[2]))
                    shared = [a + b for a, b in zip(shared, extra, strict=True)]
                if activity is not None:
                    extra = gradients([activity_objective], ends.parameters, None)
                    shared = [a + b for a, b in zip(shared, extra, strict=True)]
                own = _own(plan, private, weights, joint)
                ordered = _ordered(self, plan, result, shared, own, ends)
                finite &= steps.finite_gradients(plan, ends, ordered)
            value = self.objective(result, activity, replicas.count)
            steps.record_step(plan, result, weights, finite)
            if bool(finite):
                before = steps.updates_made(plan)
                optimizer.apply(replicas.sum(ordered), self.trainable_variables)
                if states is not None:
                    with states.restored(statistics):
                        again = steps.losses_again(
                            plan, x, y, sample_weight, active, replicas
                        )
                    steps.learn_from(plan, result, again, before)
                replicas.average(self.non_trainable_variables)
            else:
                for variable, value in statistics:
                    variable.assign(value)
            return self.log_step(y, sample_weight, result, value, finite)


def _heads(
    plan: StepPlan,
    boundary: list[Any],
    masks: list[Any],
    y: Any,
    sample_weight: Any,
    active: Any,
    scale: Any,
    replicas: Replicas,
) -> tuple[HeadsResult, list[Any], Any, TorchGradients]:
    """Return the result and the gradients.

    Per task: private gradients; then cotangents, private and tied gradients of the
    penalties on several outputs, or None; and the tasks' gradients at the trunk's end.
    """
    live = [boundary[i] for i in plan.graph.live]
    copies = [[t.detach().requires_grad_() for t in live] for _ in plan.graph.tasks]
    outputs, added = {}, []
    for task, name in enumerate(plan.graph.tasks):
        tensors = plan.graph.with_copies(boundary, copies[task])
        outputs[name], penalty = steps.run_head(plan, task, tensors, masks, active)
        added.append(penalty)
    result = gather(plan, outputs, added, y, sample_weight, active, replicas)
    private = [[v.value for v in plan.graph.private[t]] for t in plan.graph.tasks]
    tied_values = [v.value for v in plan.graph.tied]

    def backward(objective: Any, parts: Any, sources: list[Any]) -> tuple[Any, Any]:
        flat = [t for part in sources for t in part]
        found = iter(gradients([objective * scale], flat, None))
        at_sources = [[next(found) for _ in part] for part in sources]
        tied = [
            gradients([part * scale], tied_values, None) if tied_values else []
            for part in parts
        ]
        return at_sources, tied

    both, tied = backward(result.objective, result.parts, [*copies, *private])
    ends = TorchGradients(
        live,
        [v.value for v in plan.graph.shared],
        both[: len(copies)],
        tied=tied,
        tied_at=plan.tied_at,
        scale=scale,
        replicas=replicas,
        halves=[backward(half.sum(), half, copies) for half in result.halves],
    )
    joint = None
    if result.joint is not None:
        at, (tied_joint,) = backward(result.joint, [result.joint], [*copies, *private])
        joint = (at[: len(copies)], at[len(copies) :], [tied_joint])
    return result, both[len(copies) :], joint, ends


def _own(plan: StepPlan, private: list[Any], weights: Any, joint: Any) -> list[Any]:
    """Return the gradients of each head: its task's, and of penalties that join it."""
    own = [
        [steps.head_gradient(plan, gradient, weights, task) for gradient in part]
        for task, part in enumerate(private)
    ]
    if joint is None:
        return own
    return [total([a, b]) for a, b in zip(own, joint[1], strict=True)]


def _ordered(
    model: Any,
    plan: StepPlan,
    result: HeadsResult,
    shared: list[Any],
    own: list[Any],
    ends: TorchGradients,
) -> list[Any]:
    """Return one gradient for each trainable variable of the model."""
    by_variable = dict(zip(map(id, plan.graph.shared), shared, strict=True))
    for task, name in enumerate(plan.graph.tasks):
        pairs = zip(plan.graph.private[name], own[task], strict=True)
        by_variable.update((id(variable), gradient) for variable, gradient in pairs)
    if plan.penalties:
        values = [v.value for v in plan.penalized]
        factor = ends.scale / ends.replicas.count
        with torch.enable_grad():
            penalty = steps.penalty_value(plan, values, result.counts) * factor
        slopes = gradients([penalty], values, None)
        for variable, slope in zip(plan.penalized, slopes, strict=True):
            by_variable[id(variable)] = by_variable.get(id(variable), 0.0) + slope
    return [
        by_variable[id(v)] if id(v) in by_variable else torch.zeros_like(v.value)
        for v in model.trainable_variables
    ]
