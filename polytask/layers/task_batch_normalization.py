"""Batch normalization with statistics, scale and shift of each task's own."""

from typing import Any

from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._moments import group_moments, unbiased
from polytask.layers._rows import one_hot_tasks, over_rows


@polytask_export("polytask.layers.TaskBatchNormalization")
class TaskBatchNormalization(ConfiguredLayer):
    """Batch normalization in which each row meets the statistics of its own task.

    For inputs that differ by task (a corpus for each domain, a camera for each set of
    pictures), where common moments would describe nobody. Call it as
    `layer(features, task)`. A batch may hold rows of several tasks; the moments of a
    task are taken over its own rows, so no task's output depends on another's rows.

    A task with one value per channel in a batch has no variance: its row is normalized
    by the moving statistics, which stay as they are. So do those of a task without
    rows. The moving variance averages the unbiased variance, since a task's share of
    a batch is small. Where Keras passes a mask, masked steps count nowhere. Rows whose
    index is out of range come out as NaN.

    Features have any shape (rows, ..., channels). `trainable = False` switches to the
    moving statistics, as in Keras.

    Args:
        num_tasks: Number of tasks; the index runs from 0.
        momentum: Of the moving statistics, in [0, 1). Defaults to 0.99.
        epsilon: Added to the variance. Defaults to 0.001.
        shared_affine: Whether the tasks share one scale γ and shift β and differ in
            their statistics alone. Defaults to False.
        center: Whether there is a shift β. Defaults to True.
        scale: Whether there is a scale γ. Defaults to True.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If `num_tasks` is below 1, the momentum lies outside [0, 1), or
            epsilon is not above 0.

    Source:
        Bilen and Vedaldi, "Universal representations: The missing link between faces,
        text, planktons, and cat breeds", 2017; Chang et al., "Domain-Specific Batch
        Normalization for Unsupervised Domain Adaptation", CVPR 2019.

    Example:
        >>> import keras
        >>> pixels = keras.Input((8, 8, 3))
        >>> source = keras.Input((), dtype="int32")
        >>> TaskBatchNormalization(num_tasks=2)(pixels, source).shape
        (None, 8, 8, 3)
    """

    def __init__(
        self,
        num_tasks: int,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        shared_affine: bool = False,
        center: bool = True,
        scale: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_tasks = checked_count(num_tasks, "num_tasks", "TaskBatchNormalization")
        if not 0 <= momentum < 1:
            raise UserError(
                "TaskBatchNormalization: momentum must lie in [0, 1); found "
                f"{momentum!r}."
            )
        if not epsilon > 0:
            raise UserError(
                f"TaskBatchNormalization: epsilon must be above 0; found {epsilon!r}."
            )
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.shared_affine = bool(shared_affine)
        self.center = bool(center)
        self.scale = bool(scale)
        self.supports_masking = True

    def build(self, inputs_shape: Any, task_shape: Any) -> None:
        """Make the scales, shifts and moving statistics."""
        channels = inputs_shape[-1]
        sets = 1 if self.shared_affine else self.num_tasks
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma", shape=(sets, channels), initializer="ones"
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta", shape=(sets, channels), initializer="zeros"
            )
        for name, start in (("moving_mean", "zeros"), ("moving_variance", "ones")):
            moving = self.add_weight(
                name=name,
                shape=(self.num_tasks, channels),
                initializer=start,
                dtype="float32",
                trainable=False,
                autocast=False,
            )
            setattr(self, name, moving)

    def call(
        self, inputs: Any, task: Any, training: bool = False, inputs_mask: Any = None
    ) -> Any:
        """Return the normalized features."""
        x = ops.cast(inputs, "float32")
        rank = len(x.shape)
        hot, known = one_hot_tasks(task, self.num_tasks)
        mean = ops.convert_to_tensor(self.moving_mean)
        variance = ops.convert_to_tensor(self.moving_variance)
        if training and self.trainable:
            mean, variance = self._batch_moments(x, hot, inputs_mask, mean, variance)
        factor = ops.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * ops.cast(self.gamma, "float32")
        # Centering first: mean · factor may be large where the rows agree.
        result = x - over_rows(ops.matmul(hot, mean), rank)
        result = result * over_rows(ops.matmul(hot, factor), rank)
        if self.beta is not None:
            shift = ops.cast(self.beta, "float32")
            rows = shift if self.shared_affine else ops.matmul(hot, shift)
            result = result + over_rows(rows, rank)
        known = ops.reshape(known, (-1, *[1] * (rank - 1)))
        result = ops.where(known, result, float("nan"))
        return ops.cast(result, self.compute_dtype)

    def _batch_moments(
        self, x: Any, hot: Any, mask: Any, old_mean: Any, old_variance: Any
    ) -> tuple[Any, Any]:
        """Return the moments to normalize with, and move the moving statistics."""
        counts, mean, variance = group_moments(x, hot, mask)
        enough = counts > 1.5
        for moving, old, new in (
            (self.moving_mean, old_mean, mean),
            (self.moving_variance, old_variance, unbiased(variance, counts)),
        ):
            moved = self.momentum * old + (1 - self.momentum) * ops.stop_gradient(new)
            moving.assign(ops.where(enough, moved, old))
        return ops.where(enough, mean, old_mean), ops.where(
            enough, variance, old_variance
        )

    def compute_output_shape(self, inputs_shape: Any, task_shape: Any) -> Any:
        """Return the features' shape."""
        return inputs_shape
