"""Sharpness-aware minimization."""

from typing import ClassVar

from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask._types import Tensor
from polytask.training.regularization.training_regularizer import TrainingRegularizer

# What Kwon et al. add to the size of a weight, so that a small one can move too.
_LEAST_SIZE = 0.01


@polytask_export("polytask.training.SAM")
class SAM(TrainingRegularizer):
    """Steps with the gradient from the worst place nearby: SAM, and ASAM.

    From the weights w, with g the gradient of the sum of the tasks' losses, the step
    goes to w + e, computes the gradients of all tasks there, on the same rows and with
    the same random numbers, balances them, and updates w with the result:

    e = r g / ‖g‖, or for `adaptive=True` e = r T² g / ‖T g‖ with T = |w| + 0.01 for
    kernels and 1 for vectors, which a rescaling of the layers does not change.

    What belongs to several tasks: a task without a label moves nothing; batch
    statistics and losses that are reported, or that a balancer reads, are those of w;
    penalties, decay and proximal steps act at w as well. A weight that a proximal step
    set to zero is zero in w + e too, so that the network in which the gradient is taken
    has no more weights than the one that is trained. A step costs two.

    With `per_task=True` each task has a place of its own: its gradient is that at
    w + e of its own loss, e over the shared variables and those of the task together,
    and these gradients are balanced. A step then costs 1 + T forward passes and 2 T
    backward ones.

    Args:
        radius: r, above 0. Default: 0.05; for `adaptive=True` ten times as much is
            usual.
        adaptive: Whether the size of a weight scales its part. Default: False.
        per_task: Whether each task's gradient is taken where its own loss is larger,
            not where their sum is. Default: False.

    Raises:
        UserError: If the radius is out of range, or, in `compile` and per task, the
            balancer compares halves of a batch or moves the heads.

    Source:
        Foret, Kleiner, Mobahi and Neyshabur, "Sharpness-Aware Minimization for
        Efficiently Improving Generalization", ICLR 2021; Kwon, Kim, Park and Choi,
        "ASAM", ICML 2021; for several tasks Ban, Subramani and Ji, "SAMO", ICCV 2025
        (here its perturbation common to all tasks); per task Phan et al., "Beyond
        Losses Reweighting: Empowering Multi-Task Learning via the Generalization
        Perspective", ICCV 2025 (there what the move adds is balanced by itself).

    Example:
        >>> import keras, polytask
        >>> x = keras.Input((2,))
        >>> h = keras.layers.Dense(3)(x)
        >>> heads = {t: keras.layers.Dense(1)(h) for t in ("a", "b")}
        >>> model = polytask.MultiTaskModel(x, heads)
        >>> model.compile("sgd", loss="mse", regularizers=[SAM(0.05)])
    """

    twice: ClassVar[bool] = True

    def __init__(
        self, radius: float = 0.05, adaptive: bool = False, per_task: bool = False
    ) -> None:
        self.radius = checked_number(radius, "radius", "SAM", above=0.0)
        self.adaptive = bool(adaptive)
        self.per_task = bool(per_task)

    def perturbation(
        self,
        values: list[Tensor],
        gradients: list[Tensor],
        free: list[Tensor | None] | None = None,
    ) -> list[Tensor]:
        """Return e, of norm r in the metric T⁻¹, or zeros where the gradient is zero.

        Args:
            values: The weights, one tensor for each variable.
            gradients: The gradient of each.
            free: For each whether an entry may move, as bool; None for all entries.
        """
        sizes = [
            ops.abs(w) + _LEAST_SIZE if self.adaptive and len(w.shape) > 1 else 1.0
            for w in values
        ]
        scaled = [size * g for size, g in zip(sizes, gradients, strict=True)]
        for index, mask in enumerate(free or []):
            if mask is not None:
                scaled[index] = ops.where(mask, scaled[index], 0.0)
        squares = [ops.sum(ops.square(ops.cast(s, "float32"))) for s in scaled]
        norm = ops.sqrt(sum(squares, ops.zeros(())))
        factor = ops.where(norm > 0, self.radius / norm, 0.0)
        return [
            size * s * ops.cast(factor, s.dtype)
            for size, s in zip(sizes, scaled, strict=True)
        ]
