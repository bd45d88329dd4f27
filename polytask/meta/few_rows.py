"""The rows of a new task, checked and divided into folds."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from polytask._checks import checked_count
from polytask.errors import UserError, one_of
from polytask.meta._arrays import as_numbers
from polytask.meta.linear_head import KINDS


class FewRows:
    """Inputs and labels of a new task.

    Args:
        data: Inputs, and labels (rows,) or (rows, 1).
        task: Name of the task, for messages.
        kind: Of the task.
        folds: Of the cross-validation.
        seed: Of the folds.
        classes: Number of classes; None for as many as the labels show.

    Attributes:
        x: Inputs, floats in the precision of Keras.
        labels: (rows,) labels; what stands for a missing one is never read.
        labeled: Numbers of the labeled rows.
        kind: Of the task.
        classes: Number of classes; 0 for numbers.

    Raises:
        UserError: If the labels are not of this kind, of one class, or too few.
    """

    def __init__(
        self,
        data: tuple[Any, Any],
        task: str,
        kind: str,
        folds: int,
        seed: int,
        classes: int | None = None,
    ) -> None:
        one_of("kind", kind, KINDS)
        if folds < 2:
            raise UserError(f"folds must be at least 2; found {folds}.")
        x, y = data
        self.kind = kind
        self.x = keras.tree.map_structure(as_numbers, x)
        labels = np.asarray(y)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        lengths = {len(part) for part in keras.tree.flatten(self.x)}
        if labels.ndim != 1 or lengths != {len(labels)}:
            raise UserError(
                f"The labels of {task!r} must have the shape (rows,), with as many "
                f"rows as the inputs; found {np.shape(y)}, and inputs of "
                f"{', '.join(map(str, sorted(lengths)))} rows."
            )
        if labels.dtype.kind not in "fiub":
            raise UserError(
                f"The labels of {task!r} are not numbers: found {labels.flat[0]!r}. "
                "Give classes as 0, 1, ..."
            )
        missing = np.isnan(labels) if labels.dtype.kind == "f" else labels == -1
        self.labeled = np.flatnonzero(~missing)
        self.labels = np.where(missing, 0, labels).astype("float64")
        if len(self.labeled) < folds:
            raise UserError(
                f"The task {task!r} has {len(self.labeled)} labeled rows, fewer than "
                f"the {folds} folds of its cross-validation. Give more rows, or a "
                "smaller number of folds."
            )
        self.classes = self._checked_classes(task, classes)
        self._folds = self._divided(folds, seed)

    def splits(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the numbers of training and held-out rows of each fold."""
        for fold in np.unique(self._folds):
            held_out = self._folds == fold
            yield self.labeled[~held_out], self.labeled[held_out]

    def masked(self, train: np.ndarray) -> np.ndarray:
        """Return (rows, 1) labels in which only some rows have one."""
        dtype = KINDS[self.kind].dtype
        masked = np.full(len(self.labels), np.nan if "float" in dtype else -1, dtype)
        masked[train] = self.labels[train]
        return masked[:, None]

    def _checked_classes(self, task: str, expected: int | None) -> int:
        known = self.labels[self.labeled]
        if not KINDS[self.kind].has_classes:
            if not np.all(np.isfinite(known)):
                raise UserError(f"The labels of {task!r} are not all finite.")
            if np.all(known == known[0]):
                raise UserError(
                    f"Every label of {task!r} is {known[0]:g}; at least two different "
                    "ones are needed."
                )
            return 0
        classes, rows = np.unique(known, return_counts=True)
        number = 2 if self.kind == "binary" else int(max(classes[-1], 1) + 1)
        if self.kind == "multiclass" and expected is not None:
            number = checked_count(expected, "classes", "adapt", at_least=2)
        strange = classes[~np.isin(classes, np.arange(number))]
        if len(strange):
            raise UserError(
                f"The labels of a {self.kind} task with {number} classes are the whole "
                f"numbers from 0 to {number - 1}; those of {task!r} have "
                f"{strange[0]:g}."
            )
        if len(classes) < 2:
            raise UserError(
                f"Every label of {task!r} is of the class {classes[0]:g}; rows of at "
                "least two classes are needed."
            )
        if rows.min() < 2:
            raise UserError(
                f"The class {classes[rows.argmin()]:g} of {task!r} has one row; each "
                "needs two, so that one can be held out."
            )
        return number

    def _divided(self, folds: int, seed: int) -> np.ndarray:
        """Return the fold of each labeled row; each class is spread over the folds."""
        mixed = np.random.default_rng(seed).permutation(len(self.labeled))
        if KINDS[self.kind].has_classes:
            of_class = self.labels[self.labeled][mixed]
            mixed = mixed[np.argsort(of_class, kind="stable")]
        found = np.empty(len(mixed), int)
        found[mixed] = np.arange(len(mixed)) % folds
        return found
