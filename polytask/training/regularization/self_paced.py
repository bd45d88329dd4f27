"""Easy rows first."""

from typing import Any

from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask._keras_private import carried_mask
from polytask._types import Tensor
from polytask.training.labels import labeled, row_weights
from polytask.training.regularization.moved_input import outputs_of
from polytask.training.regularization.training_regularizer import TrainingRegularizer


@polytask_export("polytask.training.SelfPaced")
class SelfPaced(TrainingRegularizer):
    """Trains each task on the rows of a batch that it finds easy, at first.

    Of its labeled rows a task leaves out all but the share q of those with the least
    loss, by the network as it predicts: a curriculum that each task makes for itself. q
    rises evenly from its start to 1 within n updates. A row that is left out counts as
    one without a label, in the loss that is reported as well. A step costs a forward
    pass more.

    Args:
        start: q at first, above 0 and below 1. Default: 0.5.
        steps: n, at least 1. Default: 1,000.

    Raises:
        UserError: If a number is out of range, or, in `compile`, rows are mixed.

    Source:
        Kumar, Packer and Koller, "Self-Paced Learning for Latent Variable Models", NIPS
        2010 (here with a share of the rows in place of a bound of the loss).

    Example:
        >>> SelfPaced(0.3, steps=200)
        SelfPaced(start=0.3, steps=200)
    """

    def __init__(self, start: float = 0.5, steps: int = 1000) -> None:
        self.start = checked_number(start, "start", "SelfPaced", above=0.0, below=1.0)
        self.steps = checked_count(steps, "steps", "SelfPaced")

    def share(self, updates: Any) -> Tensor:
        """Return q.

        Args:
            updates: The number of updates so far.
        """
        passed = ops.minimum(ops.cast(updates, "float32") / self.steps, 1.0)
        return self.start + (1.0 - self.start) * passed

    def prepare(self, step: Any, batch: Any) -> Any:
        """Return the batch with a weight of 0 for hard rows."""
        outputs = outputs_of(step, batch.x)
        share = self.share(step.plan.trained.updates())
        weights = dict(batch.sample_weight)
        for task, loss in zip(step.plan.trained.names, step.plan.losses, strict=True):
            mask, y = labeled(batch.y[task], loss.mask_value)
            values = loss.of_rows(y, outputs[task])
            inside = carried_mask(outputs[task])
            weight = row_weights(mask, weights.get(task), inside, values.shape)
            easy = easiest(values, ops.broadcast_to(weight, ops.shape(values)), share)
            weights[task] = weight * easy
        return batch._replace(sample_weight=weights)


def easiest(losses: Tensor, weights: Tensor, share: Tensor) -> Tensor:
    """Return 1 for the entries with the least losses, 0 for the others.

    Args:
        losses: Of any shape.
        weights: Of the same; 0 for what does not count.
        share: Which share of those that count gets 1, rounded up.
    """
    there = ops.not_equal(weights, 0)
    size = ops.reshape(ops.where(there, losses, float("inf")), (-1,))
    number = ops.ceil(share * ops.sum(ops.cast(there, "float32")))
    rank = ops.argsort(ops.argsort(size))
    return ops.reshape(
        ops.cast(ops.cast(rank, "float32") < number, "float32"), ops.shape(losses)
    )
