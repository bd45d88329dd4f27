"""Gradients clipped by the size of the weights that they move."""

from typing import Any, ClassVar

from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask._types import Tensor
from polytask.training.regularization.training_regularizer import (
    TrainingRegularizer,
    whole_gradients,
)

# The norm that a unit is taken to have at least, so that zero weights can leave zero.
_LEAST_NORM = 1e-3


@polytask_export("polytask.training.AdaptiveClipping")
class AdaptiveClipping(TrainingRegularizer):
    """Scales a unit's gradient down to a share of its weights' norm: AGC.

    For the weights w and the gradient g of one unit (a column of a kernel, a filter; a
    bias or scale as a whole), g becomes c max(‖w‖, 0.001) g / ‖g‖ where it is longer
    than that. It acts on the balanced gradient; a loss that spikes rotates the balance
    before, which `clip_task_gradients` prevents.

    Args:
        share: c, above 0. Default: 0.01.

    Raises:
        UserError: If the share is out of range.

    Source:
        Brock, De, Smith and Simonyan, "High-Performance Large-Scale Image Recognition
        Without Normalization", ICML 2021 (there not for the last layer).

    Example:
        >>> AdaptiveClipping()
        AdaptiveClipping(share=0.01)
    """

    each_batch: ClassVar[bool] = True

    def __init__(self, share: float = 0.01) -> None:
        self.share = checked_number(share, "share", "AdaptiveClipping", above=0.0)

    def of_gradients(self, step: Any, gradients: list[Tensor]) -> list[Tensor]:
        """Scale down what is too long."""
        whole = whole_gradients(step, gradients)
        values = [ops.convert_to_tensor(v) for v in step.model.trainable_variables]
        return [
            part * ops.cast(self.factor(w, g), part.dtype)
            for part, w, g in zip(gradients, values, whole, strict=True)
        ]

    def factor(self, weights: Tensor, gradient: Tensor) -> Tensor:
        """Return what each unit's gradient is scaled by, at most 1.

        Args:
            weights: The value of a variable.
            gradient: Its gradient.

        Returns:
            A tensor that broadcasts with them.
        """
        limit = self.share * ops.maximum(_unit_norms(weights), _LEAST_NORM)
        norm = _unit_norms(gradient)
        return ops.where(norm > limit, limit / norm, ops.ones_like(norm))


def _unit_norms(tensor: Tensor) -> Tensor:
    """Return the norm of each unit's weights, whose number is the last axis."""
    tensor = ops.cast(tensor, "float32")
    axes = tuple(range(max(1, len(tensor.shape) - 1))) if tensor.shape else None
    return ops.sqrt(ops.sum(ops.square(tensor), axis=axes, keepdims=True))
