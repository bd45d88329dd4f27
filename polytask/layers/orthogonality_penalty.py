"""A penalty on what private features say about shared ones."""

from typing import Any

from keras import ops

from polytask._checks import checked_count, checked_strength
from polytask._export import polytask_export
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._rows import flat_rows, flat_tasks


@polytask_export("polytask.layers.OrthogonalityPenalty")
class OrthogonalityPenalty(ConfiguredLayer):
    """The private features themselves; adds λ Σ_t ‖S_tᵀP_t‖_F² / n_t² to the loss.

    S_t and P_t are the shared and the private features of the n_t rows of task t.
    They are centered by column within the task and scaled to length 1 by row, so the
    penalty is zero where no private feature is correlated with a shared one, no layer
    lowers it by shrinking its output, and λ means the same for any batch size.

    Call it as `private = layer(private, shared)`, or `layer(private, shared, task)`
    for a batch with rows of several tasks; rows whose index is not one of 0 to
    `num_tasks - 1`, such as -1, do not count, whatever they hold. Features with more
    axes than (rows, channels) count each position as a row.

    In a `MultiTaskModel` the penalty belongs to the task whose head it is in.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        num_tasks: Number of tasks in a batch. Defaults to 1.
        center: Whether to subtract each column's mean over its task's rows. Defaults
            to True, as in the authors' code; the formula in the papers has no mean.
        normalize: Whether to scale each row to length 1. Defaults to True.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the strength is negative or not finite, or `num_tasks` is below
            1.

    Source:
        Bousmalis et al., "Domain Separation Networks", NIPS 2016; Liu, Qiu and Huang,
        "Adversarial Multi-task Learning for Text Classification", ACL 2017.

    Example:
        >>> import numpy as np
        >>> layer = OrthogonalityPenalty(1.0, center=False, normalize=False)
        >>> shared = np.eye(2, dtype="float32")
        >>> private = np.array([[1.0, 1.0], [0.0, 0.0]], "float32")
        >>> _ = layer(private, shared)
        >>> [float(loss) for loss in layer.losses]
        [0.5]
    """

    def __init__(
        self,
        strength: float = 0.01,
        num_tasks: int = 1,
        center: bool = True,
        normalize: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.strength = checked_strength(strength, "OrthogonalityPenalty")
        self.num_tasks = checked_count(num_tasks, "num_tasks", "OrthogonalityPenalty")
        self.center = bool(center)
        self.normalize = bool(normalize)
        self.supports_masking = True

    def build(
        self, private_shape: Any, shared_shape: Any, task_shape: Any = None
    ) -> None:
        """Nothing to make."""

    def call(self, private: Any, shared: Any, task: Any = None) -> Any:
        """Return the private features and add the penalty."""
        p, s = flat_rows(private), flat_rows(shared)
        tasks = flat_tasks(task, private, self.num_tasks)
        counts = ops.maximum(ops.sum(tasks, axis=0), 1.0)
        p, s = self._prepared(p, tasks, counts), self._prepared(s, tasks, counts)
        by_task = ops.expand_dims(tasks / counts, 2) * ops.expand_dims(s, 1)
        width = self.num_tasks * s.shape[1]
        products = ops.matmul(ops.transpose(ops.reshape(by_task, (-1, width))), p)
        self.add_loss(self.strength * ops.sum(ops.square(products)))
        return private

    def _prepared(self, x: Any, tasks: Any, counts: Any) -> Any:
        """Return the rows that count, centered and scaled; the others as zeros."""
        counted = ops.sum(tasks, axis=1, keepdims=True) > 0
        # Before any product: 0 · NaN would be NaN.
        x = ops.where(counted, x, 0.0)
        if self.center:
            means = ops.matmul(ops.transpose(tasks / counts), x)
            x = ops.where(counted, x - ops.matmul(tasks, means), 0.0)
        if self.normalize:
            squares = ops.sum(ops.square(x), axis=1, keepdims=True)
            # A row of zeros has no direction; the root's slope at zero is infinite.
            x = x * ops.rsqrt(ops.where(squares > 0, squares, 1.0))
        return x

    def compute_output_shape(
        self, private_shape: Any, shared_shape: Any, task_shape: Any = None
    ) -> Any:
        """Return the private features' shape."""
        return private_shape
