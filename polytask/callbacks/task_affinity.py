"""Measures how much a step on one task helps every other: which to train together."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count
from polytask.errors import UserError
from polytask.models import MultiTaskModel
from polytask.numeric.task_groups import best_partition
from polytask.training.outputs import outputs_by_task
from polytask.training.task_losses import task_losses


class TaskAffinity(keras.callbacks.Callback):
    """Looks ahead, after each epoch, at what a step on each task does to the others.

    The affinity of task i onto task j is Z_ij = 1 - L_j(θ after a step on i) / L_j(θ),
    where only the shared variables move. The step is the one that the optimizer would
    make, with its state, as if task i alone had labels. Both losses are those of the
    same rows at inference, without dropout. Everything is put back afterwards, random
    states too: the training is the same as without this callback.

    The mean over a training of one network with all tasks predicts which of them are
    better trained together (`groups`). It is a prediction: judge the groups on
    validation rows.

    Each look costs T train steps on one task and T + 1 forward passes, on one batch.

    Args:
        x: Inputs of training rows, as in `fit`.
        y: Dict from task to labels.
        batch_size: Rows of a look, drawn anew each time. Default: 256.
        every: Look after every so many epochs. Default: 1.
        seed: Of the rows that are drawn. Default: 0.

    Attributes:
        affinity: (T, T), the mean over all looks; [i, j] is that of task i onto task j,
            in the order of the model's tasks. NaN on the diagonal, and where two tasks
            never had labels in one look.

    Raises:
        UserError: If an argument is out of range; or, when training begins, the model
            is no `MultiTaskModel`, or no two tasks share a variable; or a loss is not
            above 0, which leaves the affinity undefined.

    Source:
        Fifty et al., "Efficiently Identifying Task Groupings for Multi-Task Learning",
        NeurIPS 2021.

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((2,))
        >>> h = keras.layers.Dense(3)(x)
        >>> heads = {t: keras.layers.Dense(1)(h) for t in ("a", "b")}
        >>> model = polytask.MultiTaskModel(x, heads)
        >>> model.compile("adam", loss="mse")
        >>> rows = np.ones((8, 2), "float32")
        >>> y = {"a": 2 * rows[:, 0], "b": 2 * rows[:, 1]}
        >>> look = TaskAffinity(rows, y, batch_size=8)
        >>> _ = model.fit(rows, y, verbose=0, callbacks=[look])
        >>> look.affinity.shape, look.groups(max_groups=1)
        ((2, 2), [['a', 'b']])
    """

    def __init__(
        self,
        x: Any,
        y: Mapping[str, Any],
        batch_size: int = 256,
        every: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.x = keras.tree.map_structure(np.asarray, x)
        self.y = {task: np.asarray(labels) for task, labels in y.items()}
        self.batch_size = checked_count(batch_size, "batch_size", "TaskAffinity")
        self.every = checked_count(every, "every", "TaskAffinity")
        self._random = np.random.default_rng(seed)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check the model, and forget an earlier `fit`."""
        if not isinstance(self.model, MultiTaskModel):
            raise UserError(
                "TaskAffinity looks at a MultiTaskModel; found "
                f"{type(self.model).__name__}. See MultiTaskModel.from_model."
            )
        graph = self.model.step_plan.graph
        if not graph.shared:
            raise UserError(
                "TaskAffinity compares steps of shared variables, but no variable is "
                f"upstream of two of the tasks {list(graph.tasks)}."
            )
        missing = [task for task in graph.tasks if task not in self.y]
        if missing:
            raise UserError(
                f"TaskAffinity has no labels of the tasks {', '.join(missing)}; found "
                f"{', '.join(self.y) or 'none'}."
            )
        self._sums = np.zeros((len(graph.tasks),) * 2)
        self._looks = np.zeros_like(self._sums)

    @property
    def affinity(self) -> np.ndarray:
        """The mean affinity over all looks of the last `fit`."""
        seen = self._looks > 0
        return np.where(seen, self._sums / np.maximum(self._looks, 1), np.nan)

    def groups(self, max_groups: int) -> list[list[str]]:
        """Return the partition of the tasks that the affinities say is best.

        Args:
            max_groups: The most groups, each of which would be a network of its own.

        Returns:
            The tasks of each group.

        Raises:
            UserError: If there are more than 13 tasks, two tasks were never labeled in
                one look, or `max_groups` is below 1.
        """
        tasks = self.model.step_plan.graph.tasks
        partition = best_partition(self.affinity, max_groups)
        return [[tasks[number] for number in group] for group in partition]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look ahead on a batch."""
        if (epoch + 1) % self.every:
            return
        total = len(keras.tree.flatten(self.x)[0])
        rows = self._random.permutation(total)[: self.batch_size]
        x = keras.tree.map_structure(lambda array: array[rows], self.x)
        y = {task: labels[rows] for task, labels in self.y.items()}
        plan = self.model.step_plan
        state = _Values([*self.model.variables, *self.model.optimizer.variables])
        before, there = self._losses(x, y)
        if not np.all(before[there] > 0):
            low = plan.graph.tasks[int(np.argmax(there & ~(before > 0)))]
            raise UserError(
                f'TaskAffinity needs losses above 0; that of task "{low}" is '
                f"{before[there].min():g}."
            )
        for task in np.flatnonzero(there):
            alone = np.zeros(len(there), "float32")
            alone[task] = 1.0
            plan.optimizer.active.assign(alone)
            self.model.train_on_batch(x, y, class_weight=plan.class_weights or None)
            moved = _Values(plan.graph.shared)
            state.put_back()
            moved.put_back()
            after, _ = self._losses(x, y)
            state.put_back()
            others = there & (np.arange(len(there)) != task)
            self._sums[task, others] += 1 - after[others] / before[others]
            self._looks[task, others] += 1

    def _losses(self, x: Any, y: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return the (T,) losses at inference, and which tasks have a label."""
        plan = self.model.step_plan
        outputs = outputs_by_task(plan.outputs, self.model(x, training=False))
        losses, counts = task_losses(plan, outputs, y, {})
        values: np.ndarray = ops.convert_to_numpy(losses).astype("float64")
        return values, ops.convert_to_numpy(counts) > 0


class _Values:
    """The values of variables at one time."""

    def __init__(self, variables: list[keras.Variable]) -> None:
        self.variables = variables
        self.values = [np.array(ops.convert_to_numpy(v)) for v in variables]

    def put_back(self) -> None:
        """Give the variables these values again."""
        for variable, value in zip(self.variables, self.values, strict=True):
            variable.assign(value)
