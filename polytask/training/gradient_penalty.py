"""A penalty that acts through its gradient."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from polytask.optimizers.kernel_stack import stack_kernels


@dataclass(frozen=True, eq=False)
class GradientPenalty:
    """Variables that one regularizer penalizes together, by its gradient.

    Attributes:
        regularizer: Any Keras regularizer.
        variables: One variable, or the kernels of a task structure.
        owner: Index of the task that a single variable is private to, or None.
    """

    regularizer: Any
    variables: list[keras.Variable]
    owner: int | None = None

    def value(self, values: list[Any], counts: Any) -> Any:
        """Return the value on a batch.

        Args:
            values: Values of the variables.
            counts: (T,) number of labeled rows; an absent task's head has no penalty.

        Returns:
            Float32 scalar.
        """
        stack = stack_kernels(values, self.regularizer)
        value = ops.cast(self.regularizer(stack), "float32")
        if self.owner is None:
            return value
        return ops.where(counts[self.owner] > 0, value, 0.0)
