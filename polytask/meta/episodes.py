"""Batches of episodes: rows to learn a task from, and rows to measure it on."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from polytask.errors import UserError
from polytask.meta._arrays import ONLY, Arrays, as_given, as_numbers, by_name

#: Inputs: an array, or a dict by name. And labels: an array, or a dict by task.
Rows = tuple[Any, Any]


class Episodes:
    """Draws episodes from data sets, each of them a task.

    An episode has `support` rows that the inner loop learns from and up to `query`
    other rows of the same data set. A data set that has fewer rows gives fewer query
    rows; in place of the others stand rows without a label, which count nowhere.

    Args:
        sources: Name → (inputs, labels). Inputs (rows, ...), or a dict of them where
            the model has several; labels an array, or a dict by task where it has
            several. The names must agree.
        support: Rows to learn from. Default: 10.
        query: Rows to measure on. Default: 10.
        per_step: Episodes of a batch; data sets are drawn without replacement as long
            as there are enough. Default: 4.
        mask_value: The missing integer label. Default: -1, as in `MultiTaskModel`.
        seed: Of all draws.
        context: Name of one more input, for `polytask.layers.TaskNormalization`: 1 for
            the rows that an episode is learned from, 0 for those that it is measured
            on. The query rows then come after the support rows, which have no label
            there. It needs inputs by name. Default: none.

    Raises:
        UserError: If there is no data set, one has not more rows than `support`, or its
            inputs or labels are others than those of the first.

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
        context: str | None = None,
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
        self.context = context
        self.support = support
        self.query = query
        self.per_step = per_step
        self.mask_value = mask_value
        self._random = np.random.default_rng(seed)
        first, expected = next(iter(self.sources.items()))
        if context is not None and (ONLY in expected[0] or context in expected[0]):
            raise UserError(
                f'context="{context}" is one more input of a model whose inputs have '
                "names: the inputs of the data sets are dicts, without it."
            )
        for name, source in self.sources.items():
            pairs = zip(("inputs", "labels"), source, expected, strict=True)
            for what, own, others in pairs:
                if own.keys() != others.keys():
                    raise UserError(
                        f'The data set "{name}" has {what} {_names(own)}; those of '
                        f'"{first}" are {_names(others)}.'
                    )
            count = _count(source[0])
            if count <= support:
                raise UserError(
                    f'The data set "{name}" has {count} rows; an episode needs '
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
            rows, ...), an array or a dict as they were given.
        """
        names = list(self.sources)
        chosen: list[str] = []
        while len(chosen) < self.per_step:
            few = self._random.permutation(names)[: self.per_step - len(chosen)]
            chosen.extend(map(str, few))
        pairs = [self._episode(*self.sources[name]) for name in chosen]
        support, query = (_stacked(list(part)) for part in zip(*pairs, strict=True))
        return support, query

    def _episode(self, x: Arrays, y: Arrays) -> tuple[tuple[Arrays, Arrays], ...]:
        order = self._random.permutation(_count(x))
        first = order[: self.support]
        rest = order[self.support : self.support + self.query]
        short = self.query - len(rest)
        # Any row does where its labels are taken away.
        rows = np.concatenate([rest, np.repeat(rest[:1], short)])
        measured = np.repeat([True, False], [len(rest), short])
        if self.context is not None:
            rows = np.concatenate([first, rows])
            measured = np.concatenate([np.zeros(len(first), bool), measured])
        support, query = ({n: a[own] for n, a in x.items()} for own in (first, rows))
        if self.context is not None:
            support[self.context] = as_numbers(np.ones(len(first)))
            query[self.context] = as_numbers(np.arange(len(rows)) < len(first))
        labels = {task: own[rows] for task, own in y.items()}
        for own in labels.values():
            own[~measured] = np.nan if own.dtype.kind == "f" else self.mask_value
        return (support, {task: own[first] for task, own in y.items()}), (query, labels)


def _names(arrays: Arrays) -> str:
    return "without a name" if ONLY in arrays else f"of {', '.join(arrays)}"


def _count(x: Arrays) -> int:
    return len(next(iter(x.values())))


def _arrays(name: str, x: Any, y: Any) -> tuple[Arrays, Arrays]:
    """Return inputs by name and labels by task as arrays."""
    inputs, labels = by_name(x), by_name(y)
    count = _count(inputs)
    for what, arrays in (("inputs", inputs), ("labels", labels)):
        for own_name, own in arrays.items():
            if len(own) != count:
                raise UserError(
                    f'The data set "{name}" has {count} rows of inputs and {len(own)} '
                    f"{what}{f' of {own_name}' if own_name else ''}."
                )
    return inputs, labels


def _stacked(parts: list[tuple[Arrays, Arrays]]) -> Rows:
    x, y = (
        {name: np.stack([part[name] for part in side]) for name in side[0]}
        for side in zip(*parts, strict=True)
    )
    return as_given(x), as_given(y)
