"""What a `MultiTaskModel` minimizes, from the targets of a batch to its logs."""

from typing import Any

import keras
from keras import ops

from polytask.training.batch_losses import task_losses
from polytask.training.heads_result import HeadsResult
from polytask.training.targets import targets_by_task, weights_by_task


class TaskObjective:
    """The loss of `MultiTaskModel`: its tasks on their labeled rows, and penalties."""

    def unpack(self: Any, data: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """Return inputs, targets by task and sample weights by task of a batch.

        Args:
            data: `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            The three parts.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        return x, self._by_task(y), self._weights_by_task(sample_weight)

    def _by_task(self: Any, y: Any) -> dict[str, Any]:
        return targets_by_task(y, self.task_names, self.step_plan.graph.tasks)

    def _weights_by_task(self: Any, sample_weight: Any) -> dict[str, Any]:
        return weights_by_task(sample_weight, self.task_names)

    def compute_loss(
        self: Any,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch: all tasks, and all penalties.

        Args:
            x: Inputs; not used.
            y: Targets by task.
            y_pred: Outputs by task.
            sample_weight: Sample weights by task, or None.
            training: Not used.

        Returns:
            Scalar.
        """
        plan = self.step_plan
        losses, counts = task_losses(
            plan, y_pred, self._by_task(y), self._weights_by_task(sample_weight)
        )
        self._track(losses, counts)
        total = ops.sum(losses * plan.loss_factors) + plan.structure_value()
        for loss in self.losses:
            total = total + ops.cast(loss, "float32")
        return total

    def objective(
        self: Any, result: HeadsResult, activity: Any, replicas: int = 1
    ) -> Any:
        """Return the loss of a training batch, as `compute_loss` would.

        Args:
            result: What the heads computed.
            activity: The trunk's activity penalty, or None.
            replicas: How many replicas share the batch. The penalties on activations
                are those of this one's rows: the metric averages over replicas.

        Returns:
            Scalar.
        """
        total = ops.cast(result.objective, "float32")
        if replicas > 1:
            penalties = total - ops.sum(result.parts)
            total = ops.sum(result.losses) + replicas * penalties
        total = total + self.step_plan.structure_value()
        if activity is not None:
            total = total + activity
        if result.joint is not None:
            total = total + replicas * result.joint
        for variable in self.trainable_variables:
            if variable.regularizer is not None:
                value = ops.convert_to_tensor(variable)
                total = total + ops.cast(variable.regularizer(value), "float32")
        return total

    def log_step(
        self: Any,
        y: dict[str, Any],
        sample_weight: dict[str, Any],
        result: HeadsResult,
        total: Any,
        finite: Any,
    ) -> dict[str, Any]:
        """Update the metrics with a training batch and return the logs.

        Args:
            y: Targets by task.
            sample_weight: Sample weights by task.
            result: What the heads computed.
            total: The loss of the batch.
            finite: Whether it is finite; if not, the loss counts nowhere.

        Returns:
            Name → value.
        """
        tracker = next(m for m in self.metrics if m.name == "loss")
        rows = ops.shape(next(iter(result.outputs.values())))[0]
        rows = ops.cast(rows, "float32") * ops.cast(finite, "float32")
        tracker.update_state(ops.where(finite, total, 0.0), sample_weight=rows)
        known = ops.isfinite(result.plain_losses)
        losses = ops.where(known, result.plain_losses, 0.0)
        self._track(losses, ops.where(known, result.labeled, 0.0))
        logs: dict[str, Any] = self.compute_metrics(
            None, y, result.outputs, sample_weight
        )
        return logs

    def _track(self: Any, losses: Any, counts: Any) -> None:
        for index, tracker in enumerate(self._compiled().loss_trackers):
            tracker.update_state(losses[index], sample_weight=counts[index])
