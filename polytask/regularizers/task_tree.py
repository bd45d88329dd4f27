"""A task structure on a hierarchy of tasks."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask._checks import checked_number, checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError, nearest
from polytask.numeric.bisection import critical_number
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.regularizers.feature_selection import TaskStructure


@polytask_export("polytask.regularizers.TreeGroupLasso")
class TreeGroupLasso(TaskStructure):
    """λ Σ_i Σ_g ω_g ‖wⁱ_g‖₂ over groups of tasks that form a tree.

    A feature leaves a whole branch of tasks at once, and within a branch that keeps it,
    smaller branches: tasks close in the tree use the same features. A group of one task
    is a leaf; a group of all tasks makes the root.

    Args:
        groups: The groups, each a list of tasks by name or position. Two of them are
            nested or have no task in common.
        strength: λ, at least 0. Defaults to 0.01.
        weights: ω, above 0, one for each group. Defaults to None: 1.
        tasks: The tasks' names in their order, where groups use names; None: learned
            from the model.

    Raises:
        UserError: If a number is out of range, groups overlap, or, in `compile`, a task
            is not there or the tasks are others than `tasks`.

    Source:
        Kim and Xing, "Tree-guided group lasso for multi-task regression with structured
        sparsity", ICML 2010; Jenatton, Mairal, Obozinski and Bach, "Proximal Methods
        for Hierarchical Sparse Coding", JMLR 2011 (the prox).

    Example:
        >>> from keras import ops
        >>> penalty = TreeGroupLasso([[0, 1], [0, 1, 2]], 1.0)
        >>> w = penalty.prox(ops.array([[0.6, 0.8, 3.0]]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w)[0].tolist()]
        [0.0, 0.0, 2.0]
    """

    has_prox = True
    metric = "scalar"
    needs_equal_widths = True

    def __init__(
        self,
        groups: Sequence[Sequence[Any]],
        strength: float = 0.01,
        weights: Sequence[float] | None = None,
        tasks: Sequence[str] | None = None,
    ) -> None:
        owner = "TreeGroupLasso"
        self.strength = checked_strength(strength, owner)
        try:
            self.groups = [
                [t if isinstance(t, str) else int(t) for t in group] for group in groups
            ]
        except (TypeError, ValueError):
            self.groups = []
        if not self.groups or not all(self.groups):
            raise UserError(
                f"{owner}: groups must be lists of tasks; found {groups!r}."
            )
        self.weights = None
        if weights is not None:
            self.weights = [
                checked_number(each, "weights", owner, above=0.0) for each in weights
            ]
            if len(self.weights) != len(self.groups):
                raise UserError(
                    f"{owner}: {len(self.weights)} weights for {len(self.groups)} "
                    "groups; give one for each."
                )
        for first, second in itertools.combinations(map(set, self.groups), 2):
            if first & second and not (first <= second or second <= first):
                raise UserError(
                    f"{owner}: the groups {sorted(first, key=str)} and "
                    f"{sorted(second, key=str)} overlap, which is no tree: of two "
                    "groups with a task in common one holds the other."
                )
        self.tasks = None if tasks is None else [str(task) for task in tasks]

    def bind(
        self, task_names: Sequence[str], widths: Sequence[int] | None = None
    ) -> None:
        """Learn the order of the tasks; see `TaskStructure.bind`."""
        super().bind(task_names, widths)
        if self.tasks is not None and list(task_names) != self.tasks:
            raise UserError(
                f"TreeGroupLasso: the groups were made for the tasks "
                f"{', '.join(self.tasks)}; found {', '.join(task_names)}."
            )
        self.tasks = list(task_names)
        self._masks(len(self.tasks))

    def _masks(self, num_tasks: int) -> list[tuple[np.ndarray, float]]:
        """Return mask and weight of each group, small groups first."""
        names = self.tasks or []
        masks = []
        weights = self.weights or [1.0] * len(self.groups)
        for group, weight in zip(self.groups, weights, strict=True):
            mask = np.zeros(num_tasks, bool)
            for task in group:
                mask[self._position(task, names, num_tasks)] = True
            masks.append((mask, weight))
        return sorted(masks, key=lambda pair: int(pair[0].sum()))

    def _position(self, task: Any, names: Sequence[str], num_tasks: int) -> int:
        if isinstance(task, str):
            if task not in names:
                raise UserError(
                    f'TreeGroupLasso: a group names the unknown task "{task}".'
                    f"{nearest(task, names)} Tasks: {', '.join(names) or 'not known'}."
                )
            return list(names).index(task)
        if not 0 <= task < num_tasks:
            raise UserError(
                f"TreeGroupLasso: a group names task {task} of {num_tasks} tasks, "
                "which are numbered from 0."
            )
        return int(task)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        total = xp.zeros((), dtype=w.dtype)
        for mask, weight in self._masks(int(w.shape[-1])):
            norms = safe_norm(xp, self._in(xp, w, mask), (-1,))
            total = total + weight * xp.sum(norms)
        return self.strength * total

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        # From the leaves to the root, one group after the other, is exact.
        for mask, weight in self._masks(int(w.shape[-1])):
            members = self._in(xp, w, mask)
            norm = safe_norm(xp, members, (-1,), keepdims=True)
            threshold = step * self.strength * weight / metric
            kept = norm > threshold
            factor = xp.where(kept, 1 - threshold / xp.where(kept, norm, 1.0), 0.0)
            w = xp.where(self._mask(xp, mask), factor * members, w)
        return w

    def _mask(self, xp: Namespace, mask: np.ndarray) -> Tensor:
        return xp.convert_to_tensor(mask)

    def _in(self, xp: Namespace, w: Tensor, mask: np.ndarray) -> Tensor:
        return xp.where(self._mask(xp, mask), w, xp.zeros_like(w))

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor | None:
        covered = np.any([mask for mask, _ in self._masks(int(gradient.shape[-1]))], 0)
        if self.strength == 0 or not covered.all():
            return None
        one = xp.ones((), dtype=gradient.dtype)

        def is_zero(strength: Tensor) -> Tensor:
            step = strength / self.strength
            return xp.all(self._prox(xp, gradient, step, one) == 0)

        return critical_number(xp, is_zero, xp.max(xp.abs(gradient)))
