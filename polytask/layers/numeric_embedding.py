"""Numbers as vectors: what lets a network follow a jagged function of one column."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer

# How far beyond the training rows a value can come to lie, in shares of their range.
_REACH = 1 / 8

# Rows that half of a column's values have at least, for the values to have edges.
_ROWS_OF_A_VALUE = 10


@polytask_export("polytask.layers.PiecewiseLinearEmbedding")
class PiecewiseLinearEmbedding(ConfiguredLayer):
    """Each column x becomes a x + b + V e(x), e its place among learned bins.

    `adapt` takes the quantiles of the training rows as edges of the bins. e(x) holds, a
    bin each, 1 where x lies beyond the bin, 0 where it lies before, and between the two
    the share of the bin that x has covered; the first and last bin go on linearly, so
    that no two values look alike. V begins at zero: at first the layer is linear. A
    column with two values at most, such as an indicator, has one bin, and so has every
    column before `adapt`.

    Whole numbers can be names: of a school, of a kind of disk. Quantiles merge such
    neighbors. A column with more values than `bins` can tell apart, at least half of
    which have 10 rows or more, gets an edge at every value, if these are at most
    `values`.

    Nothing is known of values beyond those of the training rows, and a line drawn far
    enough ends anywhere: an excess e over their range counts as e / (1 + e / r), with r
    an eighth of the range. A value just beyond hardly moves, a mistyped one comes to
    lie at most r beyond.

    Args:
        units: Numbers that stand for a column.
        bins: Most bins of a column; equal quantiles are merged. Default: 32.
        values: Most values that have an edge each. Default: 0, quantiles alone.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If `units` or `bins` is below 1, `values` below 0, or `adapt` was
            given other columns than the layer.

    Source:
        Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular
        Deep Learning", NeurIPS 2022.

    Example:
        >>> import numpy as np
        >>> layer = PiecewiseLinearEmbedding(4, bins=8)
        >>> layer.adapt(np.random.default_rng(0).normal(size=(100, 3)))
        >>> layer(np.zeros((5, 3))).shape == (5, 3, 4)
        True
    """

    def __init__(
        self, units: int, bins: int = 32, values: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        name = "PiecewiseLinearEmbedding"
        self.units = checked_count(units, "units", name)
        self.bins = checked_count(bins, "bins", name)
        self.values = checked_count(values, "values", name, at_least=0)

    @property
    def _most_bins(self) -> int:
        return max(self.bins, self.values - 1)

    def build(self, input_shape: Any) -> None:
        """Make the edges, to be set by `adapt`, and the weights."""
        columns = input_shape[-1]
        shape = (columns, self._most_bins)
        edges = {"start": "zeros", "width": "ones", "used": _one_bin}
        for name, value in edges.items():
            weight = self.add_weight(
                name=name, shape=shape, initializer=value, trainable=False
            )
            setattr(self, name, weight)
        limits = {"low": -np.inf, "high": np.inf, "reach": 1.0}
        for name, value in limits.items():
            initial = keras.initializers.Constant(value)
            weight = self.add_weight(
                name=name, shape=(columns,), initializer=initial, trainable=False
            )
            setattr(self, name, weight)
        bound = keras.initializers.RandomUniform(-1.0, 1.0)
        self.slope = self.add_weight(
            name="slope", shape=(columns, self.units), initializer=bound
        )
        self.bias = self.add_weight(
            name="bias", shape=(columns, self.units), initializer=bound
        )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(columns, self._most_bins, self.units),
            initializer="zeros",
        )

    def adapt(self, x: np.ndarray) -> None:
        """Take the edges of the bins from training rows.

        Args:
            x: (rows, columns), without missing values.

        Raises:
            UserError: If the layer was built for another number of columns.
        """
        x = np.asarray(x, dtype="float64")
        columns = self.slope.shape[0] if self.built else x.shape[-1]
        if x.ndim != 2 or x.shape[1] != columns:
            raise UserError(
                f'PiecewiseLinearEmbedding "{self.name}" reads {columns} columns; '
                f"adapt was given an array of shape {x.shape}."
            )
        if not len(x) or not np.isfinite(x).all():
            raise UserError(
                f'PiecewiseLinearEmbedding "{self.name}": adapt takes one row or more '
                "of finite numbers; found "
                + ("none." if not len(x) else "some that are not.")
            )
        if not self.built:
            self.build(x.shape)
        shape = (columns, self._most_bins)
        start, used = (np.zeros(shape, "float32") for _ in range(2))
        width = np.ones_like(start)
        for column in range(columns):
            edges = self._edges(x[:, column])
            count = len(edges) - 1
            start[column, :count] = edges[:-1]
            width[column, :count] = np.diff(edges)
            used[column, :count] = 1
        low, high = x.min(axis=0), x.max(axis=0)
        reach = _REACH * (high - low)
        for weight, value in (
            (self.start, start),
            (self.width, width),
            (self.used, used),
            (self.low, low),
            (self.high, high),
            (self.reach, np.where(reach > 0, reach, 1.0)),
        ):
            weight.assign(value)

    def _edges(self, x: np.ndarray) -> np.ndarray:
        """Return where the bins of a column begin, and where the last one ends."""
        if has_value_edges(x, self.bins, self.values):
            return np.unique(x.astype("float32"))
        shares = np.linspace(0, 1, self.bins + 1)
        if len(np.unique(x)) <= 2:
            shares = shares[[0, -1]]
        return np.unique(np.quantile(x, shares).astype("float32"))

    def call(self, inputs: Any) -> Any:
        """Return (rows, columns, units)."""
        x = ops.expand_dims(self._drawn_in(inputs), axis=-1)
        linear = x * self.slope + self.bias
        return linear + ops.einsum("rcb,cbu->rcu", self._places(x), self.kernel)

    def _drawn_in(self, x: Any) -> Any:
        """Return the values, those beyond the training rows' range near its ends."""
        within = ops.minimum(ops.maximum(x, self.low), self.high)
        excess = x - within
        return within + excess / (1.0 + ops.abs(excess) / self.reach)

    def _places(self, x: Any) -> Any:
        covered = (x - self.start) / self.width
        bins = np.arange(self._most_bins)
        last = ops.cast(bins == ops.sum(self.used, axis=1, keepdims=True) - 1, "bool")
        covered = ops.where(last, covered, ops.minimum(covered, 1.0))
        covered = ops.where(bins == 0, covered, ops.maximum(covered, 0.0))
        return covered * self.used

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (rows, columns, units)."""
        return (input_shape[0], input_shape[1], self.units)


def _one_bin(shape: Any, dtype: Any = None) -> Any:
    return ops.convert_to_tensor(np.eye(1, shape[1]).repeat(shape[0], 0), dtype)


def has_value_edges(x: np.ndarray, bins: int, values: int) -> bool:
    """Return whether each value of a column is an edge of its bins.

    Args:
        x: (rows,), without missing values.
        bins: Most bins between quantiles.
        values: Most values that have an edge each.
    """
    counts = np.unique(x, return_counts=True)[1]
    if not bins + 1 < len(counts) <= values:
        return False
    return bool(np.median(counts) >= _ROWS_OF_A_VALUE)


@polytask_export("polytask.layers.PeriodicEmbedding")
class PeriodicEmbedding(ConfiguredLayer):
    """Each column x becomes ReLU(W [sin 2πcx, cos 2πcx] + b), with learned c.

    Args:
        units: Numbers that stand for a column.
        frequencies: Number of frequencies c of a column. Default: 48.
        sigma: Standard deviation of the frequencies at the start, for columns of unit
            variance; the paper tunes it between 0.01 and 100. Default: 0.05.
        seed: Of the frequencies. Default: Keras's global seed.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If `units` or `frequencies` is below 1, or `sigma` is not positive.

    Source:
        Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular
        Deep Learning", NeurIPS 2022.

    Example:
        >>> import numpy as np
        >>> PeriodicEmbedding(4)(np.zeros((5, 3))).shape == (5, 3, 4)
        True
    """

    def __init__(
        self,
        units: int,
        frequencies: int = 48,
        sigma: float = 0.05,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        name = "PeriodicEmbedding"
        self.units = checked_count(units, "units", name)
        self.frequencies = checked_count(frequencies, "frequencies", name)
        self.sigma = checked_number(sigma, "sigma", name, above=0)
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        """Draw the frequencies and make the weights."""
        columns = input_shape[-1]
        normal = keras.initializers.RandomNormal(stddev=self.sigma, seed=self.seed)
        self.frequency = self.add_weight(
            name="frequency", shape=(columns, self.frequencies), initializer=normal
        )
        bound = 1 / math.sqrt(2 * self.frequencies)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(columns, 2 * self.frequencies, self.units),
            initializer=keras.initializers.RandomUniform(-bound, bound),
        )
        self.bias = self.add_weight(
            name="bias", shape=(columns, self.units), initializer="zeros"
        )

    def call(self, inputs: Any) -> Any:
        """Return (rows, columns, units)."""
        turns = 2 * math.pi * ops.expand_dims(inputs, axis=-1) * self.frequency
        waves = ops.concatenate([ops.sin(turns), ops.cos(turns)], axis=-1)
        return ops.relu(ops.einsum("rcf,cfu->rcu", waves, self.kernel) + self.bias)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (rows, columns, units)."""
        return (input_shape[0], input_shape[1], self.units)
