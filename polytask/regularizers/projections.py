"""Hard constraints: sets onto which weights are projected."""

from typing import Any

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import (
    project_euclidean_ball,
    project_l1_ball,
    project_simplex,
    project_top_k,
    thin_svd,
)
from polytask.regularizers.groups import (
    as_matrix,
    checked_groups,
    from_group_rows,
    group_axes,
    group_rows,
)
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.Projection")
class Projection(Regularizer):
    """A set of allowed weights: value 0, and a prox that is the nearest allowed point.

    Weights inside the set are returned unchanged. The value is 0 also outside, so a
    projection acts only where its prox runs, inside `polytask.MultiTaskModel`.
    """

    has_prox = True
    prox_only = True
    strengths = ()

    def project(self, w: Any) -> Tensor:
        """Return the nearest weights in the set.

        Args:
            w: Tensor, array or `keras.Variable`.

        Returns:
            Tensor of the shape of `w`.
        """
        return self.prox(w, 1.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return xp.zeros((), dtype=w.dtype)


@polytask_export("polytask.regularizers.Box")
class Box(Projection):
    """low ≤ w ≤ high, entry by entry.

    Args:
        low: Lower bound. Defaults to -1.0.
        high: Upper bound, above `low`. Defaults to 1.0.

    Raises:
        UserError: If the bounds are not finite or not in order.

    Source:
        Bertsekas, "On the Goldstein-Levitin-Polyak gradient projection method", IEEE
        Trans. Autom. Control 1976.

    Example:
        >>> from keras import ops
        >>> ops.convert_to_numpy(Box(0.0, 1.0).project([-2.0, 0.5, 3.0])).tolist()
        [0.0, 0.5, 1.0]
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low = checked_number(low, "low", "Box")
        self.high = checked_number(high, "high", "Box")
        if self.low >= self.high:
            raise UserError(
                f"Box: low must be below high; found low={self.low:g}, "
                f"high={self.high:g}."
            )

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return xp.clip(w, self.low, self.high)


@polytask_export("polytask.regularizers.L1Ball")
class L1Ball(Projection):
    """Σ|w_g| ≤ r for every group, by default the whole tensor: a budget of weight.

    Args:
        radius: r, above 0. Defaults to 1.0.
        groups: As in `GroupLasso`. Defaults to `"all"`.

    Raises:
        UserError: If the radius is out of range or the groups unknown.

    Source:
        Duchi et al., "Efficient Projections onto the l1-Ball for Learning in High
        Dimensions", ICML 2008.

    Example:
        >>> from keras import ops
        >>> w = L1Ball(3.0).project(ops.array([3.0, -0.5, 2.0]))
        >>> ops.convert_to_numpy(w).tolist()
        [2.0, 0.0, 1.0]
    """

    def __init__(self, radius: float = 1.0, groups: str = "all") -> None:
        self.radius = checked_number(radius, "radius", "L1Ball", above=0.0)
        self.groups = checked_groups(groups, "L1Ball")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        if len(metric.shape):
            metric = group_rows(xp, metric, self.groups)
        rows = project_l1_ball(xp, group_rows(xp, w, self.groups), self.radius, metric)
        return from_group_rows(xp, rows, w, self.groups)


@polytask_export("polytask.regularizers.MaxNorm")
class MaxNorm(Projection):
    """‖w_g‖₂ ≤ c for every group, by default the weights into one unit.

    Weights inside the ball do not move, while `keras.constraints.MaxNorm` shrinks
    them a little at every step.

    Args:
        limit: c, above 0. Defaults to 2.0; 3 to 4 is usual with dropout.
        groups: As in `GroupLasso`. Defaults to `"units"`.

    Raises:
        UserError: If the limit is out of range or the groups unknown.

    Source:
        Srebro and Shraibman, "Rank, Trace-Norm and Max-Norm", COLT 2005; Srivastava
        et al., "Dropout", JMLR 2014.

    Example:
        >>> from keras import ops
        >>> w = MaxNorm(1.0).project(ops.array([[3.0, 0.3], [4.0, 0.4]]))
        >>> [[round(x, 4) for x in row] for row in ops.convert_to_numpy(w).tolist()]
        [[0.6, 0.3], [0.8, 0.4]]
    """

    def __init__(self, limit: float = 2.0, groups: str = "units") -> None:
        self.limit = checked_number(limit, "limit", "MaxNorm", above=0.0)
        self.groups = checked_groups(groups, "MaxNorm")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return project_euclidean_ball(
            xp, w, self.limit, metric, group_axes(w, self.groups)
        )


@polytask_export("polytask.regularizers.NonNegative")
class NonNegative(Projection):
    """w ≥ 0: outputs that rise with every input, as in monotone scorecards.

    Source:
        Lawson and Hanson, "Solving Least Squares Problems", 1974.

    Example:
        >>> from keras import ops
        >>> ops.convert_to_numpy(NonNegative().project([-2.0, 0.5])).tolist()
        [0.0, 0.5]
    """

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return xp.maximum(w, 0)


@polytask_export("polytask.regularizers.Orthonormal")
class Orthonormal(Projection):
    """WᵀW = I (or WWᵀ = I for a wide kernel): the nearest such matrix, U Vᵀ.

    A convolution's kernel is a matrix with one filter a column.

    Source:
        Schönemann, "A generalized solution of the orthogonal Procrustes problem",
        Psychometrika 1966.

    Example:
        >>> from keras import ops
        >>> w = Orthonormal().project(ops.array([[2.0, 0.0], [0.0, 0.5]]))
        >>> [[round(abs(x), 4) for x in r] for r in ops.convert_to_numpy(w).tolist()]
        [[1.0, 0.0], [0.0, 1.0]]
    """

    metric = "scalar"
    may_fail = True

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        u, _, vt = thin_svd(xp, as_matrix(xp, w))
        return xp.reshape(xp.matmul(u, vt), w.shape)


@polytask_export("polytask.regularizers.Simplex")
class Simplex(Projection):
    """w ≥ 0 and Σ w = c for every group, by default the weights into one unit.

    Args:
        total: c, above 0. Defaults to 1.0.
        groups: As in `GroupLasso`. Defaults to `"units"`.

    Raises:
        UserError: If the total is out of range or the groups unknown.

    Source:
        Duchi et al., "Efficient Projections onto the l1-Ball for Learning in High
        Dimensions", ICML 2008.

    Example:
        >>> from keras import ops
        >>> w = Simplex(groups="all").project(ops.array([0.75, 0.5, -1.0]))
        >>> ops.convert_to_numpy(w).tolist()
        [0.625, 0.375, 0.0]
    """

    def __init__(self, total: float = 1.0, groups: str = "units") -> None:
        self.total = checked_number(total, "total", "Simplex", above=0.0)
        self.groups = checked_groups(groups, "Simplex")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        if len(metric.shape):
            metric = group_rows(xp, metric, self.groups)
        rows = project_simplex(xp, group_rows(xp, w, self.groups), self.total, metric)
        return from_group_rows(xp, rows, w, self.groups)


@polytask_export("polytask.regularizers.SpectralBall")
class SpectralBall(Projection):
    """σ₁(W) ≤ c: a Lipschitz constant of the layer of at most c.

    A convolution's kernel is a matrix with one filter a column.

    Args:
        limit: c, above 0. Defaults to 1.0.

    Raises:
        UserError: If the limit is out of range.

    Source:
        Yoshida and Miyato, "Spectral Norm Regularization for Improving the
        Generalizability of Deep Learning", 2017; the projection is classical.

    Example:
        >>> from keras import ops
        >>> w = SpectralBall(1.0).project(ops.array([[2.0, 2.0], [1.0, -1.0]]))
        >>> [[round(x, 4) for x in row] for row in ops.convert_to_numpy(w).tolist()]
        [[0.7071, 0.7071], [0.7071, -0.7071]]
    """

    metric = "scalar"
    may_fail = True

    def __init__(self, limit: float = 1.0) -> None:
        self.limit = checked_number(limit, "limit", "SpectralBall", above=0.0)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        u, s, vt = thin_svd(xp, as_matrix(xp, w))
        clipped = xp.matmul(u * xp.minimum(s, self.limit), vt)
        # Inside the ball the identity must be exact, not a rounded product.
        return xp.where(s[0] <= self.limit, w, xp.reshape(clipped, w.shape))


@polytask_export("polytask.regularizers.TopK")
class TopK(Projection):
    """At most k non-zero weights: keep the largest.

    Args:
        count: k, at least 1.

    Raises:
        UserError: If the count is no integer or too small.

    Source:
        Blumensath and Davies, "Iterative Hard Thresholding for Compressed Sensing",
        Appl. Comput. Harmon. Anal. 2009.

    Example:
        >>> from keras import ops
        >>> ops.convert_to_numpy(TopK(1).project([3.0, -4.0, 1.0])).tolist()
        [0.0, -4.0, 0.0]
    """

    def __init__(self, count: int) -> None:
        self.count = checked_count(count, "count", "TopK")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return project_top_k(xp, w, self.count, metric)


@polytask_export("polytask.regularizers.UnitNorm")
class UnitNorm(Projection):
    """‖w_g‖₂ = 1 for every group, by default the weights into one unit.

    A group of zeros has no nearest point on the sphere and stays zero.

    Args:
        groups: As in `GroupLasso`. Defaults to `"units"`.

    Raises:
        UserError: If the groups are unknown.

    Source:
        Salimans and Kingma, "Weight Normalization", NIPS 2016 (the direction alone).

    Example:
        >>> from keras import ops
        >>> w = UnitNorm(groups="all").project(ops.array([3.0, 4.0]))
        >>> [round(x, 4) for x in ops.convert_to_numpy(w).tolist()]
        [0.6, 0.8]
    """

    metric = "scalar"

    def __init__(self, groups: str = "units") -> None:
        self.groups = checked_groups(groups, "UnitNorm")

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        norm = safe_norm(xp, w, group_axes(w, self.groups), keepdims=True)
        return w / xp.where(norm > 0, norm, xp.ones_like(norm))
