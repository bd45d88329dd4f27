"""Two passes under different dropout that are to agree."""

from typing import Any, ClassVar

import keras
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask._types import Tensor
from polytask.training.regularization.training_regularizer import (
    TrainedTasks,
    TrainingRegularizer,
)


@polytask_export("polytask.training.RDrop")
class RDrop(TrainingRegularizer):
    """Adds to a task's loss how far two passes under different dropout are apart.

    Each row stands twice in the batch and gets two masks; the loss of a task is the
    mean over both, plus a ½(KL(p₁ ‖ p₂) + KL(p₂ ‖ p₁)) of their outputs, or
    a (ŷ₁ - ŷ₂)² where outputs are no probabilities. Rows without a label take part in
    the second term, so that a task learns from them too. Batch statistics are those of
    the rows once. Masks that all rows of a batch share, as of `DropConnect`, are the
    same for both. A step costs about two.

    Args:
        strength: a, above 0. Default: 1; 0.1 to 5 is usual.

    Raises:
        UserError: If the strength is out of range.

    Source:
        Liang et al., "R-Drop: Regularized Dropout for Neural Networks", NeurIPS 2021
        (with the mean of both passes' losses, as in the authors' code).

    Example:
        >>> RDrop(0.5)
        RDrop(strength=0.5)
    """

    in_losses: ClassVar[bool] = True
    doubles: ClassVar[bool] = True

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = checked_number(strength, "strength", "RDrop", above=0.0)

    def prepare(self, step: Any, batch: Any) -> Any:
        """Return the batch with each row twice."""

        def twice(rows: Any) -> Tensor | None:
            if rows is None:
                return None
            rows = ops.convert_to_tensor(rows)
            return ops.concatenate([rows, rows])

        def each(values: Any) -> Any:
            return keras.tree.map_structure(twice, values, none_is_leaf=True)

        mixing = batch.mixing
        if mixing is not None:
            order = mixing.order
            order = ops.concatenate([order, order + ops.shape(order)[0]])
            mixing = mixing._replace(order=order)
        return batch._replace(
            x=each(batch.x),
            y=each(batch.y),
            sample_weight=each(batch.sample_weight),
            mixing=mixing,
            beside=each(batch.beside),
        )

    def terms(
        self, tasks: TrainedTasks, outputs: dict[str, Tensor], batch: Any
    ) -> list[Tensor | None]:
        """Return how far the outputs of the two passes are apart."""
        terms: list[Tensor | None] = []
        for task, distance in zip(tasks.names, tasks.distances, strict=True):
            half = ops.shape(outputs[task])[0] // 2
            first, second = outputs[task][:half], outputs[task][half:]
            both = distance(first, second) + distance(second, first)
            terms.append(self.strength * 0.5 * ops.mean(both))
        return terms
