"""Gradient sign dropout."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.jacobian_balancer import JacobianBalancer
from polytask.balancing.preference import check_one_for_each
from polytask.numeric.namespace import Tensor


@polytask_export("polytask.balancing.GradDrop")
class GradDrop(JacobianBalancer):
    """Keep, per coordinate, only the gradients of one sign, drawn by their weight.

    With P = (1 + sum g / sum |g|) / 2, the positive gradients of a coordinate are
    kept with probability P, else the negative ones.

    Args:
        leak: Per task, the part of its gradient that passes unchanged, 0 to 1.
            Defaults to None: 0 each.
        seed: Seed of the draws. Defaults to 0.

    Raises:
        UserError: If a leak is out of range, or there is not one for each task.

    Source:
        Z. Chen et al. (2020), Just pick a sign: optimizing deep multitask models with
        gradient sign dropout.

    Example:
        >>> from keras import ops
        >>> jacobian = [ops.convert_to_tensor([[1.0, 2.0], [1.0, 3.0]])]
        >>> direction = GradDrop().combine(jacobian, [1.0, 1.0])[0]
        >>> [float(x) for x in direction]
        [2.0, 5.0]
    """

    def __init__(self, leak: Sequence[float] | None = None, seed: int = 0) -> None:
        super().__init__()
        self.leak = (
            None
            if leak is None
            else [
                checked_number(part, "leak", "GradDrop", at_least=0.0, at_most=1.0)
                for part in leak
            ]
        )
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Check the number of leaks; there is no state."""
        check_one_for_each(self, num_tasks, leak=self.leak)
        return {}

    def direction(
        self, rows: list[Tensor], losses: Tensor, present: Tensor, state: State
    ) -> tuple[list[Tensor], State]:
        """Return the sums of the gradients kept."""
        leak = ops.zeros_like(losses)
        if self.leak is not None:
            leak = ops.convert_to_tensor(self.leak, "float32")
        directions = []
        for row in rows:
            total = ops.sum(row, axis=0)
            size = ops.sum(ops.abs(row), axis=0)
            positive = 0.5 * (1.0 + total / ops.where(size > 0, size, 1.0))
            draw = keras.random.uniform(total.shape, seed=self.seed_generator)
            keep = ops.where(positive > draw, row > 0, row < 0)
            kept = leak[:, None] + (1.0 - leak[:, None]) * ops.cast(keep, "float32")
            directions.append(ops.sum(row * kept, axis=0))
        return directions, {}
