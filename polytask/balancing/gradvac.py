"""Gradient vaccine."""

from typing import Any

import keras
import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.numeric.namespace import Namespace, Tensor, enter


@polytask_export("polytask.balancing.GradVac")
class GradVac(GramianBalancer):
    """As PCGrad, but turn each pair to a moving average of its cosine.

    Args:
        beta: Rate of the average of the cosines. Defaults to 0.5.
        seed: Seed of the orders. Defaults to 0.
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Source:
        Z. Wang et al. (2021), Gradient vaccine: investigating and improving multi-task
        optimization in massively multilingual models.

    Example:
        >>> import numpy as np
        >>> weights = GradVac().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 1.0]
    """

    def __init__(
        self,
        beta: float = 0.5,
        seed: int = 0,
        update_every: int = 1,
        on: str = "shared",
    ) -> None:
        super().__init__(update_every, on)
        self.beta = checked_number(beta, "beta", "GradVac", at_least=0.0, at_most=1.0)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the target cosine of each pair of tasks."""
        return {"target_cosine": np.zeros((num_tasks, num_tasks))}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the sum of the coefficients of the turned gradients."""
        size = gramian.shape[0]
        noise = keras.random.uniform((size, size), seed=self.seed_generator)
        order = ops.argsort(enter(ops, noise), axis=1)
        eye = ops.eye(size, dtype=gramian.dtype)
        top = ops.max(ops.diagonal(gramian))
        gramian = gramian / ops.where(top > 0, top, 1.0)
        norms = ops.sqrt(ops.maximum(ops.diagonal(gramian), 0.0))

        def turn_towards(turn: Any, carried: tuple[Any, ...]) -> tuple[Any, ...]:
            coefficients, products, targets = carried
            other = ops.take(order, turn, axis=1)
            chosen = ops.take(eye, other, axis=0)
            product = ops.sum(products * chosen, axis=1)
            norm = ops.sqrt(ops.maximum(ops.sum(products * coefficients, axis=1), 0.0))
            other_norm = ops.take(norms, other)
            itself = ops.sum(chosen * eye, axis=1) > 0
            valid = ops.logical_not(itself) & (norm > 0) & (other_norm > 0)
            scale = ops.where(valid, norm * other_norm, 1.0)
            cosine = ops.clip(product / scale, -1.0, 1.0)
            target = ops.sum(targets * chosen, axis=1)
            sine = ops.sqrt(1.0 - cosine**2)
            # A target of exactly 1 is beyond any finite multiple of the other.
            target_sine = ops.sqrt(ops.maximum(1.0 - target**2, 2.0**-23))
            ratio = norm / ops.where(valid, other_norm, 1.0)
            add = ratio * (target * sine / target_sine - cosine)
            add = ops.where(valid & (cosine < target), add, 0.0)[:, None]
            moved = ops.where(valid, self.beta * (cosine - target), 0.0)[:, None]
            products = products + add * ops.take(gramian, other, axis=0)
            return coefficients + add * chosen, products, targets + moved * chosen

        start = (eye, gramian, state["target_cosine"])
        coefficients, _, targets = ops.fori_loop(0, size, turn_towards, start)
        weights = ops.sum(ops.where(present[:, None], coefficients, 0.0), axis=0)
        return weights, {"target_cosine": targets}
