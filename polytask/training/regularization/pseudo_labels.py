"""Sure predictions taken for the labels that are missing."""

from typing import Any, ClassVar

from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask._keras_private import carried_mask
from polytask._types import Tensor
from polytask.errors import UserError
from polytask.training.labels import labeled, row_weights
from polytask.training.output_distance import OutputDistance
from polytask.training.regularization.moved_input import outputs_of
from polytask.training.regularization.training_regularizer import (
    TrainedTasks,
    TrainingRegularizer,
)


@polytask_export("polytask.training.PseudoLabels")
class PseudoLabels(TrainingRegularizer):
    """Trains rows without a label on the class that the network is sure of.

    For each of the U rows of a batch (or steps of a sequence, without its padding) in
    which a task has no label, p' is what the network says without dropout, and k its
    most likely class. The task's loss gets
    (a / U) Σ 1[p'_k ≥ c] (-log p_k), with p under dropout. Only for tasks with classes;
    others are left as they are. A task that was sure of the wrong classes becomes surer
    of them: give it a start on its labels.

    Args:
        strength: a, above 0. Default: 1.
        threshold: c, above 0 and at most 1. Default: 0.95.

    Raises:
        UserError: If a number is out of range, or, in `compile`, no task has classes.

    Source:
        Lee, "Pseudo-Label", ICML 2013 workshop; Sohn et al., "FixMatch: Simplifying
        Semi-Supervised Learning with Consistency and Confidence", NeurIPS 2020.

    Example:
        >>> PseudoLabels(threshold=0.9)
        PseudoLabels(strength=1.0, threshold=0.9)
    """

    in_losses: ClassVar[bool] = True

    def __init__(self, strength: float = 1.0, threshold: float = 0.95) -> None:
        owner = "PseudoLabels"
        self.strength = checked_number(strength, "strength", owner, above=0.0)
        self.threshold = checked_number(
            threshold, "threshold", owner, above=0.0, at_most=1.0
        )

    def bind(self, model: Any, tasks: TrainedTasks) -> None:
        """Refuse a model without classes."""
        if all(distance.kind == "values" for distance in tasks.distances):
            raise UserError(
                "PseudoLabels is for tasks with classes, and no task's loss is a "
                "cross-entropy. MeanTeacher takes numbers too."
            )

    def prepare(self, step: Any, batch: Any) -> Any:
        """Return the batch with what the network says of it, and who has no label."""
        said = outputs_of(step, batch.x)
        missing = {}
        for loss, task in zip(step.plan.losses, step.plan.graph.tasks, strict=True):
            mask, _ = labeled(batch.y[task], loss.mask_value)
            shape = tuple(said[task].shape[:-1])
            weights = row_weights(mask, batch.sample_weight.get(task), None, shape)
            missing[task] = ops.cast(ops.equal(weights, 0.0), "float32")
            inside = carried_mask(said[task])
            if inside is not None:
                # A padded step has no label because there is nothing.
                missing[task] = missing[task] * ops.cast(inside, "float32")
        said = {task: ops.stop_gradient(output) for task, output in said.items()}
        return batch._replace(
            beside={**(batch.beside or {}), "pseudo_labels": (said, missing)}
        )

    def terms(
        self, tasks: TrainedTasks, outputs: dict[str, Tensor], batch: Any
    ) -> list[Tensor | None]:
        """Return the loss of the labels that the network gives itself."""
        said, missing = batch.beside["pseudo_labels"]
        return [
            None
            if distance.kind == "values"
            else self._term(distance, said[task], outputs[task], missing[task])
            for task, distance in zip(tasks.names, tasks.distances, strict=True)
        ]

    def _term(
        self, distance: OutputDistance, said: Tensor, output: Tensor, missing: Tensor
    ) -> Tensor:
        guess = distance.log_probabilities(said)
        logs = distance.log_probabilities(output)
        best = ops.one_hot(ops.argmax(guess, axis=-1), logs.shape[-1], dtype="float32")
        sure = ops.cast(ops.max(ops.exp(guess), axis=-1) >= self.threshold, "float32")
        losses = -sure * ops.sum(best * logs, axis=-1)
        if len(losses.shape) > len(missing.shape):
            # Each column is a question by itself.
            losses = ops.mean(losses, axis=-1)
        count = ops.maximum(ops.sum(missing), 1.0)
        return self.strength * ops.sum(losses * missing) / count
