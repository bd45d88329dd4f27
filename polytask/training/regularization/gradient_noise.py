"""Noise on the gradient, which fades."""

from typing import Any, ClassVar

import keras
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask._types import Tensor, Variable
from polytask.training.regularization.training_regularizer import TrainingRegularizer


@polytask_export("polytask.training.GradientNoise")
class GradientNoise(TrainingRegularizer):
    """Adds N(0, η / (1 + t)^γ) to each entry of the gradient of update t.

    The noise comes after balancing, which it would otherwise mislead, and before the
    optimizer's own clipping. Variables of a task without a label get none.

    Args:
        variance: η, the variance at the first update, above 0. Default: 0.01; the paper
            tries 0.01, 0.3 and 1.
        decay: γ, at least 0. Default: 0.55.

    Raises:
        UserError: If a number is out of range.

    Source:
        Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach and Martens, "Adding Gradient
        Noise Improves Learning for Very Deep Networks", 2015.

    Example:
        >>> GradientNoise(0.3)
        GradientNoise(variance=0.3, decay=0.55)
    """

    each_batch: ClassVar[bool] = True

    def __init__(self, variance: float = 0.01, decay: float = 0.55) -> None:
        owner = "GradientNoise"
        self.variance = checked_number(variance, "variance", owner, above=0.0)
        self.decay = checked_number(decay, "decay", owner, at_least=0.0)
        self.random = keras.random.SeedGenerator()

    @property
    def variables(self) -> list[Variable]:
        """The state of the random numbers."""
        return [self.random.state]

    def of_gradients(self, step: Any, gradients: list[Tensor]) -> list[Tensor]:
        """Add the noise, which all replicas draw alike."""
        time = ops.cast(step.plan.optimizer.iterations, "float32")
        spread = ops.sqrt(self.variance / ops.power(1.0 + time, self.decay))
        factor = spread * step.scale / step.replicas.count
        return [
            g
            + ops.cast(factor, g.dtype)
            * keras.random.normal(g.shape, dtype=g.dtype, seed=self.random)
            for g in gradients
        ]
