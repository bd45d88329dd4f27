"""The losses of a batch: of all tasks, of this replica's rows, of its halves."""

from typing import Any, NamedTuple

from keras import ops

from polytask._keras_private import carried_mask
from polytask._types import Tensor
from polytask.training.batch import Batch
from polytask.training.replicas import Replicas
from polytask.training.step_plan import StepPlan
from polytask.training.task_losses import task_losses


class HeadsResult(NamedTuple):
    """What the heads computed on one batch.

    Attributes:
        objectives: (T,) what each task's gradients are those of: this replica's part of
            its loss, and of the activity penalty of its head.
        halves: The parts of the losses of two halves of the batch, for balancers that
            compare independent batches; else empty.
        joint: This replica's part of the penalties on the outputs of several tasks,
            which belong to none of them; or None.
        parts: (T,) this replica's part of each loss, times the user's loss weights.
        losses: (T,) losses of the global batch, times the user's loss weights.
        plain_losses: (T,) losses as reported.
        counts: (T,) number of labeled rows of the global batch that train the task:
            none where it is stopped.
        labeled: (T,) number of labeled rows of the global batch.
        outputs: Task → output.
    """

    objectives: Tensor
    halves: list[Tensor]
    joint: Tensor | None
    parts: Tensor
    losses: Tensor
    plain_losses: Tensor
    counts: Tensor
    labeled: Tensor
    outputs: dict[str, Tensor]

    @property
    def differentiated(self) -> list[Tensor]:
        """Everything that gradients are taken of: objectives, halves, joint."""
        joint = [] if self.joint is None else [self.joint]
        return [self.objectives, *self.halves, *joint]


def gather(
    plan: StepPlan,
    outputs: dict[str, Tensor],
    penalties: list[Tensor | None],
    batch: Batch,
    active: Tensor,
    replicas: Replicas,
) -> HeadsResult:
    """Compute the losses of a batch and what is to be differentiated.

    A stopped task is absent: its loss stays in its place as a zero without rows.

    Args:
        plan: The step's plan.
        outputs: Task → output.
        penalties: The activity penalty of each head, or None.
        batch: The rows.
        active: (T,) 1 where the task trains, 0 where it is stopped.
        replicas: The replicas that hold the rest of the batch.

    Returns:
        The result.
    """
    factors = plan.loss_factors

    def trained(losses: Tensor) -> Tensor:
        return ops.where(active > 0, losses, 0.0) * factors

    weights = [batch.sample_weight]
    if plan.balancer.cross_batch:
        weights += halves_of(plan, next(iter(outputs.values())), batch.sample_weight)
    losses_and_counts = [batch_losses(plan, outputs, batch, each) for each in weights]
    totals = replicas.sum([counts for _, counts in losses_and_counts])
    plain, *halves = [
        part_of(plan, losses, counts, total)
        for (losses, counts), total in zip(losses_and_counts, totals, strict=True)
    ]
    if halves:
        # A task with labels in one half only is compared with itself.
        even, odd = halves
        there = [total > 0 for total in totals[1:]]
        halves = [
            trained(ops.where(there[0], even, odd)),
            trained(ops.where(there[1], odd, even)),
        ]
    labeled = totals[0]
    whole, there = with_terms(plan, outputs, batch, plain, labeled, replicas)
    counts = there * active
    parts = objectives = trained(whole)
    if any(penalty is not None for penalty in penalties):
        # The penalty of a head is its task's, and an absent task has none.
        zero = ops.zeros((), "float32")
        own = ops.stack([zero if p is None else p for p in penalties])
        objectives = parts + ops.where(counts > 0, own / replicas.count, 0.0)
    all_plain, all_whole = replicas.sum([plain, whole])
    return HeadsResult(
        objectives=objectives,
        halves=halves,
        joint=joint_penalty(plan, outputs, replicas),
        parts=parts,
        losses=trained(all_whole),
        plain_losses=all_plain,
        counts=counts,
        labeled=labeled,
        outputs=outputs,
    )


def batch_losses(
    plan: StepPlan, outputs: dict[str, Tensor], batch: Batch, sample_weight: Any
) -> tuple[Tensor, Tensor]:
    """Return the (T,) losses of a batch and the (T,) numbers of labeled rows.

    Where rows are mixed, their losses are, λ l(a) + (1 - λ) l(b), and not their labels:
    a label that is missing takes its term with it.

    Args:
        plan: The step's plan.
        outputs: Task → output.
        batch: The rows.
        sample_weight: Task → weights or None.
    """
    losses, counts = task_losses(plan, outputs, batch.y, sample_weight)
    if batch.mixing is None:
        return losses, counts
    share, order, cut, _ = batch.mixing

    def others(values: dict[str, Any]) -> dict[str, Any]:
        present = {t: values.get(t) for t in plan.graph.tasks}
        return {
            task: v
            if v is None or task in cut
            else ops.take(ops.convert_to_tensor(v), order, 0)
            for task, v in present.items()
        }

    second, _ = task_losses(plan, outputs, others(batch.y), others(sample_weight))
    # The same rows in another order: as many of them have a label.
    return share * losses + (1 - share) * second, counts


def with_terms(
    plan: StepPlan,
    outputs: dict[str, Tensor],
    batch: Batch,
    losses: Tensor,
    labeled: Tensor,
    replicas: Replicas,
) -> tuple[Tensor, Tensor]:
    """Add to the losses of labels what regularizers of the training add to them.

    Args:
        plan: The step's plan.
        outputs: Task → output.
        batch: The rows.
        losses: (T,) this replica's part of the losses of labels.
        labeled: (T,) number of labeled rows of the global batch.
        replicas: The replicas that hold the rest of the batch.

    Returns:
        (T,) this replica's part of the losses, and (T,) numbers of rows they are of:
        all rows where a task has such a term.
    """
    if not plan.terms:
        return losses, labeled
    tasks = plan.trained
    size = ops.shape(outputs[tasks.names[0]])[0]
    rows = ops.cast(size, "float32")
    (total,) = replicas.sum([rows])
    zero = ops.zeros((), "float32")
    for regularizer in plan.terms:
        shares = regularizer.label_shares(tasks)
        if shares is not None:
            losses = losses * shares
        terms = regularizer.terms(tasks, outputs, batch)
        has_one = ops.convert_to_tensor([term is not None for term in terms])
        more = ops.stack([zero if term is None else term for term in terms])
        losses = losses + more * (rows / total)
        labeled = ops.where(has_one, total, labeled)
    return losses, labeled


def joint_penalty(plan: StepPlan, outputs: dict[str, Any], replicas: Replicas) -> Any:
    """Return this replica's part of the penalties that compare tasks, or None.

    Args:
        plan: The step's plan.
        outputs: Task → output.
        replicas: The replicas that hold the rest of the batch.
    """
    values = []
    for penalty in plan.graph.joint:
        stages = [outputs[task] for task in penalty.tasks]
        masks = [carried_mask(stage) for stage in stages]
        values.append(penalty.layer.penalty(stages, masks))
    return sum(values) / replicas.count if values else None


def part_of(plan: StepPlan, losses: Any, counts: Any, totals: Any) -> Any:
    """Return this replica's part of the (T,) losses of the global batch.

    Args:
        plan: The step's plan.
        losses: (T,) losses of this replica's rows.
        counts: (T,) its labeled rows.
        totals: (T,) those of all replicas.
    """
    if totals is counts:
        return losses
    means = ops.convert_to_tensor([loss.reduction != "sum" for loss in plan.losses])
    share = counts / ops.where(totals > 0, totals, 1.0)
    return losses * ops.where(means, share, 1.0)


def halves_of(plan: StepPlan, output: Any, sample_weight: Any) -> list[dict[str, Any]]:
    """Return the sample weights that leave the even, and the odd, rows.

    Alternate rows are halves of the same kind also where rows are sorted.

    Args:
        plan: The step's plan.
        output: Any output.
        sample_weight: Task → weights or None.

    Returns:
        Two dicts, task → weights.
    """
    odd = ops.cast(ops.arange(ops.shape(output)[0]) % 2, "float32")
    halves = []
    for kept in (1.0 - odd, odd):
        half = {}
        for task in plan.graph.tasks:
            weights = sample_weight.get(task)
            if weights is None:
                half[task] = kept
                continue
            weights = ops.cast(weights, "float32")
            shape = (-1,) + (1,) * (len(weights.shape) - 1)
            half[task] = weights * ops.reshape(kept, shape)
        halves.append(half)
    return halves
