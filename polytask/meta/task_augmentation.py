"""More tasks to learn from: episodes whose labels are changed as a whole."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from polytask._checks import checked_number
from polytask.errors import UserError
from polytask.meta._arrays import ONLY, as_given, by_name
from polytask.meta.episodes import Rows


class TaskAugmentation:
    """Episodes whose labels are changed, alike in support and query rows.

    A model that has few tasks to learn from can tell them apart by their inputs alone
    and learn their labels by heart; it then learns nothing from support rows. What is
    drawn anew for each episode only its support rows can tell:

    - *shift*: ε with the deviation σ is added to all labels of an episode;
    - *scale*: its labels are multiplied by exp(ε), ε with the deviation σ;
    - *classes*: the K classes of an episode change their numbers with each other.

    ε is normal. Labels that are missing stay so.

    Args:
        episodes: Batches `(support, query)`, as `Episodes` draws them.
        shift: σ of the shift, in the unit of the labels; one number, or a dict by task
            where the model has several. Default: 0.
        scale: σ of the logarithm of the factor, likewise. Default: 0.
        classes: K of labels that are numbers of classes from 0, likewise; 2 where they
            are 0 and 1. Default: 0, none.
        seed: Of all draws.

    Raises:
        UserError: If a number is out of range, or, while drawing, a task is none of the
            episodes', or a label no class.

    Source:
        Rajendran, Irpan and Jang, "Meta-Learning Requires Meta-Augmentation", NeurIPS
        2020.

    Example:
        >>> import numpy as np
        >>> from polytask.meta import Episodes
        >>> towns = {"Ulm": (np.ones((6, 2)), np.ones(6))}
        >>> draws = Episodes(towns, support=2, query=2, per_step=1)
        >>> (_, y), (_, later) = next(iter(TaskAugmentation(draws, shift=1.0)))
        >>> bool(y[0, 0] == later[0, 1]), bool(y[0, 0] == 1)
        (True, False)
    """

    def __init__(
        self,
        episodes: Iterable[tuple[Rows, Rows]],
        shift: float | Mapping[str, float] = 0.0,
        scale: float | Mapping[str, float] = 0.0,
        classes: int | Mapping[str, int] = 0,
        seed: int = 0,
    ) -> None:
        self.episodes = episodes
        self.shift = _by_task("shift", shift)
        self.scale = _by_task("scale", scale)
        self.classes = _by_task("classes", classes)
        for count in self.classes.values():
            if count != int(count) or count == 1:
                raise UserError(
                    f"classes of TaskAugmentation are 2 or more, or 0; found {count:g}."
                )
        self._random = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[tuple[Rows, Rows]]:
        """Yield the episodes with other labels."""
        for (x, y), (new_x, new_y) in self.episodes:
            known, later = by_name(y), by_name(new_y)
            self._check(known)
            for task in known:
                pair = self._changed(task, known[task], later[task])
                known[task], later[task] = pair
            yield (x, as_given(known)), (new_x, as_given(later))

    def _check(self, labels: Mapping[str, Any]) -> None:
        named = {*self.shift, *self.scale, *self.classes} - {ONLY}
        for task in named - labels.keys():
            known = ", ".join(filter(None, labels)) or "labels without a task"
            raise UserError(
                f'TaskAugmentation changes the task "{task}"; the episodes have '
                f"{known}."
            )

    def _changed(self, task: str, *arrays: np.ndarray) -> Sequence[np.ndarray]:
        """Return labels of support and query rows of a task, changed alike."""
        changed: Sequence[np.ndarray] = arrays
        count = len(arrays[0])
        kinds = (self.classes, self.scale, self.shift)
        classes, scale, shift = (k.get(task, k.get(ONLY, 0.0)) for k in kinds)
        if classes:
            order = self._random.permuted(
                np.tile(np.arange(int(classes)), (count, 1)), axis=1
            )
            changed = [_renamed(own, order, task) for own in changed]
        for deviation, change in ((scale, np.multiply), (shift, np.add)):
            if deviation:
                drawn = deviation * self._random.normal(size=count)
                drawn = np.exp(drawn) if change is np.multiply else drawn
                changed = [_each(change, own, drawn) for own in changed]
        return changed


def _by_task(name: str, value: Any) -> dict[str, float]:
    given = value if isinstance(value, Mapping) else {ONLY: value}
    return {
        task: checked_number(own, name, "TaskAugmentation", at_least=0.0)
        for task, own in given.items()
    }


def _each(change: Any, labels: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return labels (episodes, ...) changed by a number for each episode."""
    if labels.dtype.kind != "f":
        raise UserError(
            "TaskAugmentation shifts and scales labels that are floats; found "
            f"{labels.dtype}."
        )
    along = drawn.reshape(-1, *(1,) * (labels.ndim - 1)).astype(labels.dtype)
    changed: np.ndarray = change(labels, along)
    return changed


def _renamed(labels: np.ndarray, order: np.ndarray, task: str) -> np.ndarray:
    """Return class numbers (episodes, ...) by the order (episodes, K) of each."""
    if labels.ndim > 2 and labels.shape[2:] != (1,):
        raise UserError(
            "TaskAugmentation renames classes that are numbers, one a row; found "
            f"labels of shape {labels.shape[1:]} an episode."
        )
    missing = np.isnan(labels) if labels.dtype.kind == "f" else labels < 0
    known = np.where(missing, 0, labels)
    numbers = known.astype(int)
    if (
        (numbers != known).any()
        or (numbers < 0).any()
        or (numbers >= order.shape[1]).any()
    ):
        raise UserError(
            f"TaskAugmentation(classes={order.shape[1]}) takes labels from 0 to "
            f"{order.shape[1] - 1}{f' of {task}' if task else ''}; found "
            f"{np.min(known):g} to {np.max(known):g}."
        )
    renamed = np.take_along_axis(order, numbers.reshape(len(numbers), -1), axis=1)
    kept: np.ndarray = np.where(missing, labels, renamed.reshape(labels.shape))
    return kept.astype(labels.dtype)
