"""Batches of episodes: rows to learn a task from, and rows to measure it on."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from polytask.errors import UserError
from polytask.meta._arrays import as_numbers

#: Inputs, and labels: an array, or a dict by task.
Rows = tuple[Any, Any]


class Episodes:
    """Draws episodes from data sets, each of them a task.

    An episode has `support` rows that the inner loop learns from and up to `query`
    other rows of the same data set. A data set that has fewer rows gives fewer query
    rows; in place of the others stand rows without a label, which count nowhere.

    Args:
        sources: Name → (inputs, labels). Inputs (rows, ...); labels an array, or a dict
            by task where the model has several. The task names must agree.
        support: Rows to learn from. Default: 10.
        query: Rows to measure on. Default: 10.
        per_step: Episodes of a batch; data sets are drawn without replacement as long
            as there are enough. Default: 4.
        mask_value: The missing integer label. Default: -1, as in `MultiTaskModel`.
        seed: Of all draws.

    Raises:
        UserError: If there is no data set, one has not more rows than `support`, or its
            labels are of other tasks.

    Example:
        >>> import numpy as np
        >>> towns = {name: (np.ones((6, 2)), np.ones(6)) for name in ("Ulm", "Bonn")}
        >>> (x, y), query = next(iter(Episodes(towns, support=2, query=4, per_step=3)))
        >>> x.shape, y.shape, query[1].shape
        ((3, 2, 2), (3, 2), (3, 4))
    """

    def __init__(
        self,
        sources: Mapping[str, Rows],
        support: int = 10,
        query: int = 10,
        per_step: int = 4,
        mask_value: int = -1,
        seed: int = 0,
    ) -> None:
        if not sources:
            raise UserError("Episodes needs at least one data set; found none.")
        for name, number in (
            ("support", support),
            ("query", query),
            ("per_step", per_step),
        ):
            if number < 1:
                raise UserError(f"{name} must be at least 1; found {number}.")
        self.sources = {name: _arrays(name, *rows) for name, rows in sources.items()}
        self.support = support
        self.query = query
        self.per_step = per_step
        self.mask_value = mask_value
        self._random = np.random.default_rng(seed)
        first, (_, expected) = next(iter(self.sources.items()))
        for name, (x, y) in self.sources.items():
            if y.keys() != expected.keys():
                raise UserError(
                    f'The data set "{name}" has labels of {", ".join(y)}; those of '
                    f'"{first}" are of {", ".join(expected)}.'
                )
            if len(x) <= support:
                raise UserError(
                    f'The data set "{name}" has {len(x)} rows; an episode needs '
                    f"support={support} and at least one query row."
                )

    def __iter__(self) -> Iterator[tuple[Rows, Rows]]:
        """Yield batches `(support, query)` without end."""
        while True:
            yield self.draw()

    def draw(self) -> tuple[Rows, Rows]:
        """Return one batch of episodes.

        Returns:
            Support and query, each inputs (episodes, rows, ...) and labels (episodes,
            rows, ...), as an array or a dict as they were given.
        """
        names = list(self.sources)
        chosen: list[str] = []
        while len(chosen) < self.per_step:
            few = self._random.permutation(names)[: self.per_step - len(chosen)]
            chosen.extend(map(str, few))
        pairs = [self._episode(*self.sources[name]) for name in chosen]
        support, query = (_stacked(list(part)) for part in zip(*pairs, strict=True))
        return support, query

    def _episode(self, x: np.ndarray, y: dict[str, np.ndarray]) -> tuple[Rows, Rows]:
        order = self._random.permutation(len(x))
        first = order[: self.support]
        rest = order[self.support : self.support + self.query]
        short = self.query - len(rest)
        # Any row does where its labels are taken away.
        rows = np.concatenate([rest, np.repeat(rest[:1], short)])
        labels = {task: labels[rows].copy() for task, labels in y.items()}
        for own in labels.values():
            own[len(rest) :] = np.nan if own.dtype.kind == "f" else self.mask_value
        support = {task: labels[first] for task, labels in y.items()}
        return (x[first], support), (x[rows], labels)


#: Stands for the task of a data set whose labels are one array.
_ONLY = ""


def _arrays(name: str, x: Any, y: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return inputs and labels by task as arrays."""
    labels = y if isinstance(y, Mapping) else {_ONLY: y}
    arrays = {task: as_numbers(own) for task, own in labels.items()}
    inputs = as_numbers(x)
    for task, own in arrays.items():
        if len(own) != len(inputs):
            raise UserError(
                f'The data set "{name}" has {len(inputs)} rows of inputs and '
                f"{len(own)} labels{f' of {task}' if task else ''}."
            )
    return inputs, arrays


def _stacked(parts: list[Rows]) -> Rows:
    x = np.stack([x for x, _ in parts])
    y = {task: np.stack([y[task] for _, y in parts]) for task in parts[0][1]}
    return x, y[_ONLY] if list(y) == [_ONLY] else y
