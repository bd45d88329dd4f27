"""Rows of a batch mixed in pairs, for all tasks alike."""

from typing import Any

import keras
from keras import ops

from polytask._types import Tensor, Variable
from polytask.training.heads_result import Batch, Mixing
from polytask.training.step_plan import StepPlan


def mixed(plan: StepPlan, batch: Batch) -> Batch:
    """Return a batch whose inputs are mixed in pairs, where the plan says so.

    Args:
        plan: The step's plan.
        batch: The rows.

    Returns:
        The inputs λ a + (1 - λ) b, with one λ and one order of the rows for all inputs
        and tasks, beside the targets as they were.
    """
    if plan.mixup is None:
        return batch
    mixing = plan.mixup.draw(ops.shape(keras.tree.flatten(batch.x)[0])[0])

    def pair(rows: Any) -> Tensor:
        rows = ops.convert_to_tensor(rows)
        share = ops.cast(mixing.share, rows.dtype)
        return share * rows + (1 - share) * ops.take(rows, mixing.order, axis=0)

    x = keras.tree.map_structure(pair, batch.x)
    return batch._replace(x=x, mixing=mixing)


class Mixup:
    """How rows are mixed.

    Args:
        alpha: Of Beta(α, α), which λ is drawn from; above 0.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.random = keras.random.SeedGenerator()

    @property
    def variables(self) -> list[Variable]:
        """The state of the random numbers."""
        return [self.random.state]

    def draw(self, rows: Any) -> Mixing:
        """Return a new λ and a new order.

        Args:
            rows: Number of rows.
        """
        share = keras.random.beta((), self.alpha, self.alpha, seed=self.random)
        order = keras.random.shuffle(ops.arange(rows), seed=self.random)
        return Mixing(share, order)
