"""Projecting conflicting gradients."""

from typing import Any

import keras

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.numeric.namespace import Namespace, Tensor, enter


@polytask_export("polytask.balancing.PCGrad")
class PCGrad(GramianBalancer):
    """Project each gradient off those it conflicts with, in random order, and sum.

    Args:
        seed: Seed of the orders. Defaults to 0.
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Source:
        T. Yu et al. (2020), Gradient surgery for multi-task learning.

    Example:
        >>> import numpy as np
        >>> weights = PCGrad().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 1.0]
    """

    def __init__(
        self, seed: int = 0, update_every: int = 1, on: str = "shared"
    ) -> None:
        super().__init__(update_every, on)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the sum of the coefficients of the projected gradients."""
        size = gramian.shape[0]
        noise = keras.random.uniform((size, size), seed=self.seed_generator)
        eye = ops.eye(size, dtype=gramian.dtype)
        # A task itself comes last, which no turn reaches.
        order = ops.transpose(ops.argsort(enter(ops, noise) + eye, axis=1))
        # A task that is absent, or has a zero gradient, conflicts with none.
        square = ops.diagonal(gramian)
        square = ops.where(square > 0, square, 1.0)

        def project(turn: Any, coefficients: Any) -> Tensor:
            # Row i is the current gradient of task i, in terms of all.
            other = ops.take(order, turn, axis=0)
            product = ops.sum(coefficients * ops.take(gramian, other, axis=0), axis=1)
            remove = ops.minimum(product, 0.0) / ops.take(square, other)
            return coefficients - remove[:, None] * ops.take(eye, other, axis=0)

        coefficients = ops.fori_loop(0, size - 1, project, eye)
        return ops.sum(ops.where(present[:, None], coefficients, 0.0), axis=0), {}
