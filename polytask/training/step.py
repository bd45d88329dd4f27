"""What the train steps of the three backends have in common.

One step, in every backend:

1. the trunk runs once and hands its boundary tensors over, one copy for each head;
2. the heads run on their copies and give the T losses; one backward pass through
   them gives every head's own gradient and, per copy, the task's cotangent;
3. the balancer turns losses (and, where it needs it, the Gramian of the tasks'
   gradients) into weights;
4. the cotangents are pulled back through the trunk: once, already combined, where
   losses are enough; once per task otherwise;
5. penalties that have no prox add their gradient, and the optimizer is applied.
"""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from polytask.models.gradient_penalty import GradientPenalty
from polytask.models.graph import TaskGraph
from polytask.models.task_loss import TaskLoss, carried_mask
from polytask.optimizers.kernel_stack import stack_kernels
from polytask.optimizers.multi_task_optimizer import MultiTaskOptimizer
from polytask.regularizers import TaskStructure


@dataclass(frozen=True, eq=False)
class StepPlan:
    """What is fixed at compile time.

    Attributes:
        graph: The trunk and the heads.
        losses: The loss of each task, in the order of `graph.tasks`.
        loss_weights: The user's factor of each task's loss.
        balancer: The balancer.
        optimizer: The wrapper, inside of a `LossScaleOptimizer` where there is one.
        penalties: The penalties that act through their gradient.
        own_head_gradients: Whether heads get their own task's gradient unweighted.
        structures: The task structures with the kernels they couple.
        records_gradients: Whether each task's gradient is computed and recorded, also
            for a balancer that does not need it.
    """

    graph: TaskGraph
    losses: tuple[TaskLoss, ...]
    loss_weights: tuple[float, ...]
    balancer: Any
    optimizer: MultiTaskOptimizer
    penalties: list[GradientPenalty]
    own_head_gradients: bool
    structures: list[tuple[TaskStructure, list[keras.Variable]]]
    records_gradients: bool = False

    @property
    def num_tasks(self) -> int:
        """Number of tasks."""
        return len(self.graph.tasks)

    @property
    def needs_rows(self) -> bool:
        """Whether each task's gradient of the shared variables is needed."""
        needed = self.balancer.requires != "losses" or self.records_gradients
        return needed and self.num_tasks > 1

    @property
    def penalized(self) -> list[keras.Variable]:
        """The variables of `penalties`, once each."""
        found = [v for penalty in self.penalties for v in penalty.variables]
        return list({id(v): v for v in found}.values())

    def stacks(self) -> list[Any]:
        """Return for each task structure the stack of kernels it acts on, float32."""
        return [
            stack_kernels(
                [ops.cast(ops.convert_to_tensor(v), "float32") for v in kernels],
                structure,
            )
            for structure, kernels in self.structures
        ]

    def structure_value(self) -> Any:
        """Return the value of all task structures on the current weights."""
        total = ops.zeros((), "float32")
        for (structure, _), stack in zip(self.structures, self.stacks(), strict=True):
            total = total + structure(stack)
        return total


@dataclass(eq=False)
class HeadsResult:
    """What the heads computed on one batch.

    Attributes:
        objective: Scalar to differentiate: the sum of the tasks' losses and of the
            activity penalties of their heads.
        losses: (T,) losses, times the user's loss weights.
        plain_losses: (T,) losses as reported.
        counts: (T,) number of labeled rows that train the task: none where it is
            stopped.
        labeled: (T,) number of labeled rows.
        outputs: Task → output.
    """

    objective: Any
    losses: Any
    plain_losses: Any
    counts: Any
    labeled: Any
    outputs: dict[str, Any]


def run_trunk(plan: StepPlan, x: Any) -> tuple[list[Any], list[Any], Any]:
    """Run the trunk.

    Args:
        plan: The step's plan.
        x: Inputs of the model.

    Returns:
        The boundary tensors, their Keras masks, and the sum of the trunk's activity
        penalties (None if it has none).
    """
    trunk = plan.graph.trunk
    boundary = keras.tree.flatten(trunk(x, training=True))
    return boundary, [carried_mask(t) for t in boundary], activity_penalty(trunk)


def run_head(
    plan: StepPlan, task: int, boundary: list[Any], masks: list[Any], active: Any
) -> tuple[Any, Any]:
    """Run one head on its copy of the boundary; a stopped one keeps its statistics.

    Args:
        plan: The step's plan.
        task: Index of the task.
        boundary: The boundary tensors, in the graph's order.
        masks: Their Keras masks.
        active: (T,) 1 where the task trains, 0 where it is stopped.

    Returns:
        The output, and the sum of the head's activity penalties or None.
    """
    head = plan.graph.heads[task]
    statistics = plan.graph.statistics[plan.graph.tasks[task]]
    kept = [(v, ops.copy(ops.convert_to_tensor(v))) for v in statistics]
    output = head(
        [boundary[i] for i in head.reads], [masks[i] for i in head.reads], True
    )
    for variable, value in kept:
        moved = ops.convert_to_tensor(variable)
        variable.assign(ops.where(active[task] > 0, moved, value))
    return output, None if head.model is None else activity_penalty(head.model)


def activity_penalty(model: keras.Model) -> Any:
    """Return the sum of the losses that a forward pass added, or None.

    `Model.losses` lists the penalties on activities first and then one value for
    each regularized variable; only the first belong to the pass.
    """
    regularized = sum(v.regularizer is not None for v in model.trainable_variables)
    losses = model.losses
    added = losses[: len(losses) - regularized]
    return sum(ops.cast(loss, "float32") for loss in added) if added else None


def task_losses(
    plan: StepPlan, outputs: dict[str, Any], y: Any, sample_weight: Any
) -> tuple[Any, Any]:
    """Return the (T,) losses and the (T,) numbers of labeled rows.

    Args:
        plan: The step's plan.
        outputs: Task → output.
        y: Task → target.
        sample_weight: Task → weights or None.

    Returns:
        Two float32 tensors.
    """
    pairs = [
        loss(y[task], outputs[task], sample_weight.get(task))
        for task, loss in zip(plan.graph.tasks, plan.losses, strict=True)
    ]
    return ops.stack([p[0] for p in pairs]), ops.stack([p[1] for p in pairs])


def gather(
    plan: StepPlan,
    outputs: dict[str, Any],
    penalties: list[Any],
    y: Any,
    sample_weight: Any,
    active: Any,
) -> HeadsResult:
    """Compute the losses of a batch and what is to be differentiated.

    A stopped task is absent: its loss stays in its place as a zero without rows.

    Args:
        plan: The step's plan.
        outputs: Task → output.
        penalties: The activity penalty of each head, or None.
        y: Task → target.
        sample_weight: Task → weights or None.
        active: (T,) 1 where the task trains, 0 where it is stopped.

    Returns:
        The result.
    """
    plain, labeled = task_losses(plan, outputs, y, sample_weight)
    counts = labeled * active
    losses = ops.where(active > 0, plain, 0.0)
    losses = losses * ops.convert_to_tensor(plan.loss_weights, "float32")
    objective = ops.sum(losses)
    for task, penalty in enumerate(penalties):
        if penalty is not None:
            # The penalty of a head is its task's, and an absent task has none.
            objective = objective + ops.where(counts[task] > 0, penalty, 0.0)
    return HeadsResult(objective, losses, plain, counts, labeled, outputs)


def gramian(rows: list[Any]) -> Any:
    """Return the (T, T) inner products of the tasks' gradients.

    Args:
        rows: For each variable, the (T, ...) stack of the tasks' gradients.

    Returns:
        Float32 tensor.
    """
    total = 0.0
    for stack in rows:
        flat = ops.reshape(ops.cast(stack, "float32"), (stack.shape[0], -1))
        total = total + ops.matmul(flat, ops.transpose(flat))
    return total


def combine(rows: list[Any], weights: Any) -> list[Any]:
    """Return the weighted sum of the tasks' gradients, for each variable.

    Args:
        rows: For each variable, the (T, ...) stack of the tasks' gradients.
        weights: (T,) weights.

    Returns:
        One gradient for each variable.
    """
    return [ops.tensordot(ops.cast(weights, r.dtype), r, axes=1) for r in rows]


def shared_gradients(
    plan: StepPlan, result: HeadsResult, rows: list[Any], scale: Any
) -> tuple[list[Any], Any]:
    """Balance the tasks' gradients of the shared variables, and note the conflict.

    Args:
        plan: The step's plan.
        result: The heads' result.
        rows: For each variable, the (T, ...) stack of gradients, times `scale`.
        scale: The factor by which a loss-scale optimizer scaled the losses.

    Returns:
        One gradient for each variable, still scaled, and the (T,) weights.
    """
    balancer, present = plan.balancer, result.counts > 0
    if balancer.requires == "gramian" or plan.records_gradients:
        # With scaled losses the Gramian is scaled twice.
        products = gramian(rows) / ops.square(ops.cast(scale, "float32"))
        plan.optimizer.record_gradients(products, present)
    if balancer.requires == "jacobian":
        # Such a balancer remembers gradients, so it must see them unscaled.
        plain = [row / ops.cast(scale, row.dtype) for row in rows]
        combined = balancer.combine(plain, result.losses, present)
        rescaled = [d * ops.cast(scale, d.dtype) for d in combined]
        return rescaled, ops.cast(present, "float32")
    if balancer.requires == "losses":
        weights = loss_weights_of(plan, result)
    else:
        weights = balancer.weights(result.losses, products, present)
    return combine(rows, weights), weights


def loss_weights_of(plan: StepPlan, result: HeadsResult) -> Any:
    """Return the (T,) weights of a balancer that needs losses alone."""
    present = result.counts > 0
    if plan.num_tasks == 1:
        return ops.cast(present, "float32")
    return plan.balancer.weights(result.losses, None, present)


def head_gradient(plan: StepPlan, own: Any, weights: Any, task: int) -> Any:
    """Return the gradient that a head gets.

    Args:
        plan: The step's plan.
        own: The gradient of the head's own task.
        weights: (T,) weights.
        task: Index of the task.

    Returns:
        The gradient.
    """
    return own if plan.own_head_gradients else weights[task] * own


def penalty_value(plan: StepPlan, values: list[Any], counts: Any) -> Any:
    """Return the sum of the penalties that act through their gradient.

    Args:
        plan: The step's plan.
        values: Values of the variables in `plan.penalized`.
        counts: (T,) number of labeled rows.

    Returns:
        Float32 scalar.
    """
    total = ops.zeros((), "float32")
    known = dict(zip(map(id, plan.penalized), values, strict=True))
    for penalty in plan.penalties:
        total = total + penalty.value([known[id(v)] for v in penalty.variables], counts)
    return total


def all_finite(result: HeadsResult) -> Any:
    """Return whether every present task's loss is finite."""
    return ops.all(ops.isfinite(result.losses) | (result.counts <= 0))


def record_step(plan: StepPlan, result: HeadsResult, weights: Any, finite: Any) -> None:
    """Tell the optimizer which tasks are present, and count a skipped step.

    Args:
        plan: The step's plan.
        result: The heads' result.
        weights: (T,) weights.
        finite: Whether the step is taken.
    """
    optimizer = plan.optimizer
    optimizer.record_weights(weights, finite)
    optimizer.present.assign(ops.cast(result.counts > 0, "float32"))
    bad = ops.cast(ops.logical_not(ops.isfinite(result.losses)), "float32")
    culprit = ops.cast(ops.argmax(bad), "float32")
    total, in_row, last = ops.unstack(ops.convert_to_tensor(optimizer.skipped), 3)
    taken = ops.cast(finite, "float32")
    optimizer.skipped.assign(
        ops.stack(
            [
                total + (1.0 - taken),
                (in_row + 1.0) * (1.0 - taken),
                ops.where(finite, last, culprit),
            ]
        )
    )


def add_tied(plan: StepPlan, shared: list[Any], tied: list[Any]) -> list[Any]:
    """Add what the heads contribute to variables that the trunk shares with them.

    Args:
        plan: The step's plan.
        shared: One gradient for each shared variable.
        tied: One gradient for each variable in `plan.graph.tied`.

    Returns:
        One gradient for each shared variable.
    """
    gradients = dict(zip(map(id, plan.graph.shared), shared, strict=True))
    for variable, gradient in zip(plan.graph.tied, tied, strict=True):
        gradients[id(variable)] = gradients[id(variable)] + gradient
    return list(gradients.values())


def weighted(weights: Any, per_task: list[list[Any]]) -> list[Any]:
    """Return the weighted sum over tasks of equally long lists of tensors.

    Args:
        weights: (T,) weights.
        per_task: T lists.

    Returns:
        One list.
    """
    return [
        sum(ops.cast(weights[t], p.dtype) * p for t, p in enumerate(parts))
        for parts in zip(*per_task, strict=True)
    ]
