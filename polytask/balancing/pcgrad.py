"""Projecting conflicting gradients."""

from typing import Any

import keras

from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.solvers.namespace import enter


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
        self, ops: Any, losses: Any, gramian: Any, present: Any, state: State
    ) -> tuple[Any, State]:
        """Return the sum of the coefficients of the projected gradients."""
        size = gramian.shape[0]
        noise = keras.random.uniform((size, size), seed=self.seed_generator)
        order = ops.argsort(enter(ops, noise), axis=1)
        eye = ops.eye(size, dtype=gramian.dtype)
        # A task that is absent, or has a zero gradient, conflicts with none.
        square = ops.diagonal(gramian)
        square = ops.where(square > 0, square, 1.0)

        def project(turn: Any, carried: tuple) -> tuple:
            # Row i of `coefficients` is the current gradient of task i, in terms of
            # all; row i of `products` its inner products with all.
            coefficients, products = carried
            other = ops.take(order, turn, axis=1)
            chosen = ops.take(eye, other, axis=0)
            product = ops.sum(products * chosen, axis=1)
            itself = ops.sum(chosen * eye, axis=1) > 0
            remove = ops.minimum(product, 0.0) / ops.take(square, other)
            remove = ops.where(itself, 0.0, remove)[:, None]
            products = products - remove * ops.take(gramian, other, axis=0)
            return coefficients - remove * chosen, products

        coefficients, _ = ops.fori_loop(0, size, project, (eye, gramian))
        return ops.sum(ops.where(present[:, None], coefficients, 0.0), axis=0), {}
