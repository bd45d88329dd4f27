"""Random loss weighting."""

import keras

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.balancing.masked import count_of, masked_softmax
from polytask.numeric.namespace import Namespace, Tensor, enter


@polytask_export("polytask.balancing.RLW")
class RLW(Balancer):
    """Draw w = T softmax(z) with normal z at every step.

    Args:
        seed: Seed of the draws. Defaults to 0.
        update_every: See `Balancer`. Defaults to 1.

    Source:
        B. Lin et al. (2022), Reasonable effectiveness of random weighting: a litmus
        test for multi-task learning.

    Example:
        >>> weights = RLW().weights([0.5, 2.0])
        >>> round(float(weights[0] + weights[1]), 5)
        2.0
    """

    def __init__(self, seed: int = 0, update_every: int = 1) -> None:
        super().__init__(update_every)
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
        """Return T softmax of normal numbers."""
        noise = keras.random.normal(losses.shape, seed=self.seed_generator)
        weights = masked_softmax(ops, enter(ops, noise), present)
        return weights * count_of(ops, present), {}
