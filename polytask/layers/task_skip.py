"""A layer that each task runs through or skips."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from polytask._checks import (
    checked_count,
    checked_knob,
    checked_number,
    checked_strength,
)
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.knob import to_config
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._gumbel import gumbel_softmax


@polytask_export("polytask.layers.TaskSkip")
class TaskSkip(ConfiguredLayer):
    """(1 - uₜ) x + uₜ f(x) in the rows of task t, with a learned uₜ of 0 or 1.

    αₜ = σ(aₜ) is the probability that task t runs through f. In training uₜ is drawn
    for a batch from the Gumbel-softmax of (1 - αₜ, αₜ); at inference it is 1 where αₜ
    is above ½. The penalty is

    λ Σₜ -log(1 - αₜ) + μ Σ_{s<t} |αₛ - αₜ|

    and belongs to no task. (The paper has log αₜ in the first sum, which has no lower
    bound.)

    Args:
        tasks: T, the number of tasks.
        sparsity: λ, at least 0.
        sharing: μ, at least 0.
        temperature: Of the Gumbel-softmax, above 0.
        keep_rate: What α begins at, in (½, 1).
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: x and f(x), of one shape (T · rows, ...), the rows of one task after
            those of another.

    Raises:
        UserError: If a number is out of range, or the shapes differ.

    Source:
        Sun, Panda, Feris and Saenko, "AdaShare: Learning What to Share for Efficient
        Deep Multi-Task Learning", NeurIPS 2020.

    Example:
        >>> import numpy as np
        >>> rows = TaskSkip(2)([np.zeros((4, 1)), np.ones((4, 1))])
        >>> keras.ops.convert_to_numpy(rows)[:, 0].tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        tasks: int,
        sparsity: Any = 0.0,
        sharing: Any = 0.0,
        temperature: Any = 1.0,
        keep_rate: float = 0.9,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = "TaskSkip"
        self.tasks = checked_count(tasks, "tasks", owner)
        self.sparsity = checked_strength(sparsity, owner, "sparsity")
        self.sharing = checked_strength(sharing, owner, "sharing")
        self.temperature = checked_knob(temperature, "temperature", owner, above=0.0)
        self.keep_rate = checked_number(
            keep_rate, "keep_rate", owner, above=0.5, below=1.0
        )
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make a."""
        x, after = (tuple(shape[1:]) for shape in input_shape)
        if x != after:
            raise UserError(
                f'TaskSkip "{self.name}": a layer that can be skipped keeps the shape; '
                f"found {x} before and {after} after it."
            )
        start = math.log(self.keep_rate / (1.0 - self.keep_rate))
        self.logits = self.add_weight(
            name="logits",
            shape=(self.tasks,),
            initializer=keras.initializers.Constant(start),
            regularizer=ChosenLayers(self.sparsity, self.sharing),
        )

    def chosen(self) -> Any:
        """Return for each task whether it runs through the layer."""
        return ops.convert_to_numpy(self.logits) > 0

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """Return the rows, each after the way that its task takes."""
        x, after = inputs
        logits = ops.cast(ops.convert_to_tensor(self.logits), "float32")
        if training:
            both = ops.stack([ops.zeros_like(logits), logits], axis=-1)
            u = gumbel_softmax(both, self.temperature, self.seed_generator)[:, 1]
        else:
            u = ops.cast(logits > 0, "float32")
        u = ops.repeat(u, ops.shape(x)[0] // self.tasks)
        u = ops.cast(ops.reshape(u, (-1,) + (1,) * (len(x.shape) - 1)), x.dtype)
        return (1 - u) * x + u * after

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Any:
        """Return the shape of what is skipped."""
        return input_shape[0]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask before the layer."""
        return previous_mask[0] if previous_mask else None


class ChosenLayers(keras.regularizers.Regularizer):
    """The penalty of `TaskSkip`, as a function of a.

    Args:
        sparsity: λ.
        sharing: μ.
    """

    def __init__(self, sparsity: Any, sharing: Any) -> None:
        self.sparsity = sparsity
        self.sharing = sharing

    def __call__(self, x: Any) -> Any:
        """Return the value."""
        x = ops.convert_to_tensor(x)
        rates = ops.sigmoid(x)
        apart = ops.sum(ops.abs(rates[:, None] - rates[None, :])) / 2
        # -log(1 - σ(a)) without a cancellation.
        return self.sparsity * ops.sum(ops.softplus(x)) + self.sharing * apart

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "sparsity": to_config(self.sparsity),
            "sharing": to_config(self.sharing),
        }


@polytask_export("polytask.layers.RowsOfTasks")
class RowsOfTasks(ConfiguredLayer):
    """Repeats a batch for each task, or takes one task's rows out of such a batch.

    Args:
        tasks: T, the number of tasks.
        task: Number of the task whose rows are taken; None to repeat the batch.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: (rows, ...), or (T · rows, ...) where a task is given.

    Returns:
        (T · rows, ...), or the (rows, ...) of the task.

    Raises:
        UserError: If a number is out of range.

    Example:
        >>> import numpy as np
        >>> both = RowsOfTasks(2)(np.ones((3, 4)))
        >>> both.shape[0], RowsOfTasks(2, task=1)(both).shape[0]
        (6, 3)
    """

    def __init__(self, tasks: int, task: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tasks = checked_count(tasks, "tasks", "RowsOfTasks")
        self.task = task
        if task is not None and checked_count(task, "task", "RowsOfTasks", 0) >= tasks:
            raise UserError(f"RowsOfTasks: task must be below {tasks}; found {task}.")
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the rows."""
        return self._rows(inputs)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of these rows."""
        return None if previous_mask is None else self._rows(previous_mask)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape, of which the number of rows is not known."""
        return (None, *input_shape[1:])

    def _rows(self, rows: Any) -> Any:
        if self.task is None:
            return ops.concatenate([rows] * self.tasks, axis=0)
        number = ops.shape(rows)[0] // self.tasks
        return rows[self.task * number : (self.task + 1) * number]
