"""Dropout of all columns of one original feature."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._stochastic import StochasticLayer


@polytask_export("polytask.layers.ColumnGroupDropout")
class ColumnGroupDropout(StochasticLayer):
    """Hides a feature of a table: all columns that encode it, at once.

    A categorical feature is many one-hot columns, a number may be two (its value and
    whether it is missing). Dropping columns one by one makes inputs that no row of the
    table could have, and says nothing about a missing feature. Here each row loses each
    feature with the probability p, and reads in its place what stands there when the
    feature is missing. What is kept is not scaled. In a sequence a feature is hidden in
    all steps.

    Args:
        groups: For each feature the numbers of its columns, from 0. A column in no
            group is never dropped.
        rate: p, in [0, 1). Default: 0.1.
        missing: What a hidden column holds: a number, or one for each column of the
            input. Default: 0, the mean of a standardized number.
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If `rate` is out of range, a group is empty, a column is negative,
            stands in two groups or beyond the last column, or `missing` has another
            number of values than there are columns.

    Source:
        Zhao et al., "Recommending What Video to Watch Next: A Multitask Ranking
        System", RecSys 2019 (dropping the feature of the position).

    Example:
        >>> hide = ColumnGroupDropout([[0], [1, 2, 3]], rate=0.5, seed=1)
        >>> row = np.array([[7.0, 0.0, 1.0, 0.0]], "float32")
        >>> keras.ops.convert_to_numpy(hide(row)).tolist()
        [[7.0, 0.0, 1.0, 0.0]]
    """

    def __init__(
        self,
        groups: Iterable[Iterable[int]],
        rate: float = 0.1,
        missing: float | Sequence[float] = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.groups = [list(map(int, group)) for group in groups]
        columns = [column for group in self.groups for column in group]
        if not all(self.groups) or min(columns, default=0) < 0:
            raise UserError(
                "ColumnGroupDropout: groups must be lists of column numbers from 0, "
                f"each with at least one; found {self.groups}."
            )
        if len(set(columns)) < len(columns):
            twice = sorted({c for c in columns if columns.count(c) > 1})
            raise UserError(
                f"ColumnGroupDropout: the columns {twice} stand in more than one group."
            )
        self.missing: float | list[float] = np.asarray(missing, "float64").tolist()

    def build(self, input_shape: Any) -> None:
        """Check the groups against the number of columns."""
        width = input_shape[-1]
        last = max((column for group in self.groups for column in group), default=0)
        if width is None or last >= width:
            raise UserError(
                f'ColumnGroupDropout "{self.name}": column {last} is beyond the last '
                f"of {width} columns."
            )
        if isinstance(self.missing, list) and len(self.missing) != width:
            raise UserError(
                f'ColumnGroupDropout "{self.name}": missing has {len(self.missing)} '
                f"values for {width} columns."
            )
        self._member = np.zeros((len(self.groups), width), "float32")
        for number, group in enumerate(self.groups):
            self._member[number, group] = 1.0

    def drop(self, inputs: Any) -> Any:
        """Return the rows with random features hidden."""
        steps = [1] * (len(inputs.shape) - 2)
        shape = (ops.shape(inputs)[0], *steps, len(self.groups))
        hidden = keras.random.uniform(shape, seed=self.seed_generator) < self.rate
        columns = ops.matmul(ops.cast(hidden, "float32"), self._member) > 0
        missing = ops.convert_to_tensor(self.missing, inputs.dtype)
        return ops.where(columns, missing, inputs)
