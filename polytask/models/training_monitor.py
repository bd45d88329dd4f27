"""What `fit` reports of balancing, and when it gives up."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from polytask.balancing import Equal
from polytask.errors import UserError
from polytask.optimizers.gradient_summary import GradientSummary
from polytask.optimizers.multi_task_optimizer import GRADIENT, PROXIMAL_STEP
from polytask.training.step_plan import StepPlan

#: So many steps in a row with a loss that is not finite end the training.
MOST_SKIPPED_IN_A_ROW = 20

_CAUSES = {
    PROXIMAL_STEP: "a proximal step gave weights that were not finite",
    GRADIENT: "its gradient was not finite, while all losses were",
}


class TrainingMonitor(keras.callbacks.Callback):
    """Reports balancing and skipped steps, and stops a training that only skips.

    Adds to the logs of an epoch: `<task>_weight`, the mean weight of the task's
    gradient, where the balancer is not `"equal"`; `conflict`, the share of task pairs
    with opposed gradients, where the balancer works on the Gramian or a
    `ConflictMonitor` looks on; `skipped_steps`, where there are any.
    """

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the steps skipped by an earlier `fit`."""
        self._before = self._skipped()[0]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin new sums."""
        self._next_look = 0
        GradientSummary.forget(self.model.step_plan.optimizer)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Look at the counter now and then: reading it waits for the device."""
        if batch >= self._next_look:
            self._check(first=self._next_look == 0)
            looks = (batch + 1) // MOST_SKIPPED_IN_A_ROW + 1
            self._next_look = looks * MOST_SKIPPED_IN_A_ROW - 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell the balancer, and add to the logs."""
        plan = self.model.step_plan
        plan.balancer.on_epoch_end()
        total = self._check()
        if logs is None:
            return
        if total > self._before:
            logs["skipped_steps"] = total - self._before
        if plan.num_tasks < 2:
            return
        summary = GradientSummary.of(plan.optimizer)
        if not isinstance(plan.balancer, Equal):
            for task, weight in zip(plan.graph.tasks, summary.weights, strict=True):
                logs[f"{task}_weight"] = float(weight)
        balancer = plan.balancer
        compares = balancer.requires == "gramian" and not balancer.cross_batch
        if compares or not math.isnan(summary.conflict):
            # Without any pair of gradients there is no conflict.
            logs["conflict"] = float(np.nan_to_num(summary.conflict))

    def _skipped(self) -> list[float]:
        skipped = self.model.step_plan.optimizer.skipped
        return [float(value) for value in keras.ops.convert_to_numpy(skipped)]

    def _check(self, first: bool = False) -> float:
        """Return how many steps were skipped, or stop the training."""
        skipped = self._skipped()
        refuse_skipping(self.model.step_plan, skipped, first)
        return skipped[0]


def refuse_skipping(plan: StepPlan, skipped: Sequence[float], first: bool) -> None:
    """Stop a training that only skips.

    Args:
        plan: Of the model.
        skipped: The optimizer's counters of skipped steps.
        first: Whether this is the first step of an epoch. A loss that is out of the
            balancer's domain there will hardly come into it by itself.

    Raises:
        UserError: Saying why the last step was left out.
    """
    _, in_a_row, task, loss = skipped
    if task in _CAUSES:
        if in_a_row >= MOST_SKIPPED_IN_A_ROW:
            advice = (
                "Lower the learning rate, or look for extreme values in the inputs."
            )
            raise _stopped(in_a_row, _CAUSES[task], advice)
        return
    outside = math.isfinite(loss)
    if in_a_row >= MOST_SKIPPED_IN_A_ROW or (first and in_a_row and outside):
        reason = "was not finite"
        advice = (
            "Look for extreme values in its targets or in the inputs, or lower the "
            "learning rate."
        )
        if outside:
            reason = (
                f"was {loss:g}, but {type(plan.balancer).__name__} needs losses "
                f"{plan.balancer.describe_domain(int(task))}"
            )
            advice = (
                "Choose a loss that is bounded below, or a balancer that works on "
                "gradients."
            )
        name = plan.graph.tasks[int(task)]
        raise _stopped(in_a_row, f'the loss of task "{name}" {reason}', advice)


def _stopped(in_a_row: float, reason: str, advice: str) -> UserError:
    # Only the cause of the last skipped step is known.
    skipped = "the last step was left out"
    if in_a_row > 1:
        skipped = f"the last {int(in_a_row)} steps were left out, the last one"
    return UserError(f"Training stopped: {skipped} because {reason}. {advice}")


def with_callback(
    callbacks: Any, callback: keras.callbacks.Callback
) -> list[keras.callbacks.Callback]:
    """Return what `fit` was given as callbacks, with another one before them.

    Args:
        callbacks: A list, a callback, a `CallbackList` or None.
        callback: The other.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    return [callback, *keras.tree.flatten([] if callbacks is None else callbacks)]
