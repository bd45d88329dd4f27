"""A learning rate that rises, then falls along a cosine over steps that may change."""

from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.knob import Knob, from_config, to_config


@polytask_export("polytask.optimizers.CosineSchedule")
class CosineSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a straight line from zero, then falls to zero along half a cosine.

    It is Keras's `CosineDecay` with a number of steps that may be a `polytask.Knob`: a
    model can then be trained again for more or fewer steps without compiling its step
    anew, or a training be ended early with the rest of the fall.

    Args:
        learning_rate: The highest rate.
        steps: Updates until zero: an integer of at least 1, or a knob.
        warm_up: Share of the steps, at least one of them, in which the rate rises.
            Default: 0.05.

    Raises:
        UserError: If an argument is out of range.

    Source:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts",
        ICLR 2017.

    Example:
        >>> import polytask
        >>> rate = CosineSchedule(0.1, polytask.Knob(40), warm_up=0.5)
        >>> [round(float(rate(step)), 3) for step in (0, 10, 20, 30, 40)]
        [0.0, 0.05, 0.1, 0.05, 0.0]
    """

    def __init__(
        self, learning_rate: float, steps: int | Knob, warm_up: float = 0.05
    ) -> None:
        name = "CosineSchedule"
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", name, at_least=0.0
        )
        self.steps = (
            steps if isinstance(steps, Knob) else checked_count(steps, "steps", name)
        )
        self.warm_up = checked_number(
            warm_up, "warm_up", name, at_least=0.0, at_most=1.0
        )

    def __call__(self, step: Any) -> Any:
        """Return the rate of an update, counted from 0."""
        total = ops.cast(self.steps, "float32")
        rise = ops.maximum(ops.round(self.warm_up * total), 1.0)
        fall = ops.maximum(total - rise, 1.0)
        now = ops.minimum(ops.cast(step, "float32"), rise + fall)
        falling = 0.5 * (1.0 + ops.cos(np.pi * (now - rise) / fall))
        return self.learning_rate * ops.where(now < rise, now / rise, falling)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "learning_rate": self.learning_rate,
            "steps": to_config(self.steps),
            "warm_up": self.warm_up,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "CosineSchedule":
        """Return the schedule that `get_config` described."""
        return cls(**{**config, "steps": from_config(config["steps"])})
