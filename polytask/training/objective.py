"""What a `MultiTaskModel` minimizes, from the targets of a batch to its logs."""

from typing import Any

import keras
from keras import ops

from polytask._types import Tensor, Variable
from polytask.numeric.namespace import concrete
from polytask.optimizers.kept_values import keep_values, put_back_unless
from polytask.training.autodiff import TrainedModel
from polytask.training.batch import Batch
from polytask.training.heads_result import HeadsResult
from polytask.training.outputs import outputs_by_task
from polytask.training.replicas import Replicas
from polytask.training.step_plan import StepPlan
from polytask.training.targets import targets_by_task, weights_by_task
from polytask.training.task_losses import task_losses


def batch_of(plan: StepPlan, data: Any) -> Batch:
    """Return the inputs of a batch, and targets and sample weights by task.

    Args:
        plan: The step's plan.
        data: `(x, y)` or `(x, y, sample_weight)`.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    return Batch(
        x,
        targets_by_task(y, plan.outputs, plan.graph.tasks),
        weights_by_task(sample_weight, plan.outputs, plan.graph.tasks),
    )


def loss_of_outputs(model: TrainedModel, batch: Batch, outputs: Any) -> Tensor:
    """Return the loss of a batch: all tasks, and all penalties.

    Args:
        model: The model.
        batch: The rows.
        outputs: What the model returned.

    Returns:
        Scalar.
    """
    plan = model.step_plan
    outputs = outputs_by_task(plan.outputs, outputs)
    losses, counts = task_losses(plan, outputs, batch.y, batch.sample_weight)
    track(plan, losses, counts)
    total = ops.sum(losses * plan.loss_factors) + plan.structure_value()
    for loss in model.losses:
        total = total + ops.cast(loss, "float32")
    return total


def training_loss(
    model: TrainedModel,
    heads: HeadsResult,
    activity: Tensor | None,
    replicas: Replicas,
) -> Tensor:
    """Return the loss of a training batch, as `loss_of_outputs` would.

    Args:
        model: The model.
        heads: What the heads computed.
        activity: The trunk's activity penalty, or None.
        replicas: The replicas that share the batch. The penalties on activations are
            those of this one's rows: the metric averages over replicas.

    Returns:
        Scalar.
    """
    total = ops.sum(heads.objectives)
    if replicas.count > 1:
        penalties = total - ops.sum(heads.parts)
        total = ops.sum(heads.losses) + replicas.count * penalties
    total = total + model.step_plan.structure_value()
    if activity is not None:
        total = total + activity
    if heads.joint is not None:
        total = total + replicas.count * heads.joint
    for variable in model.trainable_variables:
        if variable.regularizer is not None:
            value = ops.convert_to_tensor(variable)
            total = total + ops.cast(variable.regularizer(value), "float32")
    return total


def log_step(
    model: TrainedModel,
    batch: Batch,
    heads: HeadsResult,
    total: Tensor,
    taken: Tensor,
) -> dict[str, Any]:
    """Update the metrics with a training batch and return the logs.

    Args:
        model: The model.
        batch: The rows.
        heads: What the heads computed.
        total: The loss of the batch.
        taken: Whether the step is taken; if not, the batch counts nowhere.

    Returns:
        Name → value.
    """
    known = concrete(taken)
    if known is not None and not known:
        return model.get_metrics_result()
    rows = ops.cast(ops.shape(next(iter(heads.outputs.values())))[0], "float32")
    losses, labeled = heads.plain_losses, heads.labeled
    kept = []
    if known is None:
        # A mean stays as it is where nothing counts, without being written twice.
        total, losses, rows, labeled = (
            ops.where(taken, value, ops.zeros_like(value))
            for value in (total, losses, rows, labeled)
        )
        kept = keep_values(variables_but_means(model))
    loss_tracker(model).update_state(total, sample_weight=rows)
    track(model.step_plan, losses, labeled)
    logs = model.compute_metrics(None, batch.y, heads.outputs, batch.sample_weight)
    if kept:
        # Each replica has metrics of its own, which Keras joins when they are read.
        put_back_unless(taken, kept, lambda variable, value: variable.assign(value))
        logs = {**logs, **model.get_metrics_result()}
    return logs


def variables_but_means(model: TrainedModel) -> list[Variable]:
    """Return what a batch moves in the metrics, other than the means of losses."""
    plan = model.step_plan
    # Before its first batch, Keras does not know of the metrics it was compiled with.
    everything = [v for metric in plan.metrics for v in metric.variables]
    everything += model.metrics_variables
    means = [v for m in (loss_tracker(model), *plan.trackers) for v in m.variables]
    others = {id(v): v for v in everything}
    for mean in means:
        others.pop(id(mean), None)
    return list(others.values())


def loss_tracker(model: TrainedModel) -> Any:
    """Return the mean of the loss, whose count is 0 where no step was taken."""
    return next(metric for metric in model.metrics if metric.name == "loss")


def track(plan: StepPlan, losses: Tensor, counts: Tensor) -> None:
    """Add the losses of a batch to the tasks' means.

    Args:
        plan: The step's plan.
        losses: (T,) losses.
        counts: (T,) number of labeled rows.
    """
    for index, tracker in enumerate(plan.trackers):
        tracker.update_state(losses[index], sample_weight=counts[index])
