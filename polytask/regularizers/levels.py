"""Concave penalties of features: of products of levels, and of neighboring tasks."""

from polytask._checks import checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import (
    power_threshold,
    root_threshold,
    shortened,
    soft_threshold,
    total_variation,
)
from polytask.regularizers.concave import HasTangents, power_slopes, powers, row_sums
from polytask.regularizers.feature_selection import TaskStructure
from polytask.regularizers.groups import entry_distances


@polytask_export("polytask.regularizers.Multiplicative")
class Multiplicative(HasTangents, TaskStructure):
    """λ Σ_i ‖wⁱ‖_p^(pk/(p+k)): weights c_i b_it with the price Σ|b_it|^p and Σ c_i^k.

    The level c_i of a feature is common to all tasks, b_it is a task's own. With the
    prices γ Σ|b_it|^p + μ Σ c_i^k the cheapest levels cost λ Σ_i ‖wⁱ‖_p^(pk/(p+k)).
    p = k = 1 is `MultiLevel`; p = k = 2 is `L21`.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        own: p, 1 or 2: 1 where few of the tasks use a feature. Defaults to 2.
        common: k, 1 or 2: 1 where few features are of use. Defaults to 1.

    Raises:
        UserError: If a number is out of range, or both are 2.

    Source:
        Wang, Bi, Yu and Sun, "On Multiplicative Multitask Feature Learning", NIPS 2014.

    Example:
        >>> from keras import ops
        >>> w = ops.array([[3.0, 4.0], [0.6, 0.8]])
        >>> shrunk = ops.convert_to_numpy(Multiplicative(1.0).prox(w, step=1.0))
        >>> [[round(x, 4) for x in row] for row in shrunk.tolist()]
        [[2.7595, 3.6793], [0.0, 0.0]]
    """

    has_prox = True
    metric = "scalar"
    power: float

    def __init__(self, strength: float = 0.01, own: int = 2, common: int = 1) -> None:
        owner = "Multiplicative"
        self.strength = checked_strength(strength, owner)
        for name, number in (("own", own), ("common", common)):
            if number not in (1, 2):
                raise UserError(f"{owner}: {name} must be 1 or 2; found {number!r}.")
        self.own, self.common = int(own), int(common)
        if own == common == 2:
            raise UserError(f"{owner}: own=2 with common=2 is L21, which is convex.")
        self.power = own * common / (own + common)

    def _sizes(self, xp: Namespace, w: Tensor) -> Tensor:
        if self.own == 1:
            return row_sums(xp, w)
        return safe_norm(xp, w, (-1,), keepdims=True)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(powers(xp, self._sizes(xp, w), self.power))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        strength = step * self.strength / metric
        if self.own == 1:
            return root_threshold(xp, w, strength, self.power)
        norms = self._sizes(xp, w)
        shrunk = power_threshold(xp, norms, strength, self.power)
        return w * (shrunk / xp.where(norms > 0, norms, xp.ones_like(norms)))

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        sizes = xp.maximum(self._sizes(xp, w), least)
        return self.strength * power_slopes(xp, sizes, self.power)

    def _tangent_value(self, xp: Namespace, w: Tensor, slopes: Tensor) -> Tensor:
        sizes = self._sizes(xp, w)
        return super()._tangent_value(xp, sizes, slopes)

    def _tangent_prox(
        self, xp: Namespace, w: Tensor, step: Tensor, slopes: Tensor
    ) -> Tensor:
        if self.own == 1:
            return super()._tangent_prox(xp, w, step, slopes)
        return shortened(xp, w, self._sizes(xp, w), step * slopes)

    def _size(self, xp: Namespace, w: Tensor) -> Tensor:
        return xp.max(xp.abs(w) if self.own == 1 else self._sizes(xp, w))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        sizes, slopes = self._sizes(xp, w), self._slopes(xp, w, 0.0)
        there = sizes != 0
        slopes = xp.where(there, slopes, xp.zeros_like(slopes))
        if self.own == 1:
            off = entry_distances(xp, w, gradient, slopes)
        else:
            direction = w / xp.where(there, sizes, xp.ones_like(sizes))
            off = safe_norm(xp, gradient + slopes * direction, (-1,), keepdims=True)
        # Every gradient is a limiting subgradient of a row that is zero.
        return xp.max(xp.where(there, off, xp.zeros_like(off)))


@polytask_export("polytask.regularizers.NonconvexFusedSparseGroupLasso")
class NonconvexFusedSparseGroupLasso(HasTangents, TaskStructure):
    """λ Σ_i √(‖wⁱ‖₁) + δ Σ_t ‖w_(t+1) - w_t‖₁: nFSGL, for tasks in the order of time.

    As `FusedSparseGroupLasso`, but a feature in much use is shrunk less, and one in
    little use is dropped for all times.

    Args:
        strength: λ of the feature selection, at least 0. Defaults to 0.01.
        fusion: δ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Zhou, Liu, Narayan and Ye, "Modeling Disease Progression via Fused Sparse Group
        Lasso", KDD 2012 (the first of its non-convex formulations).

    Example:
        >>> from keras import ops
        >>> penalty = NonconvexFusedSparseGroupLasso(1.0, fusion=1.0)
        >>> w = penalty.prox(ops.array([[0.0, 6.0, 6.0], [0.5, 0.0, 0.5]]), step=1.0)
        >>> [[round(x, 4) for x in row] for row in ops.convert_to_numpy(w).tolist()]
        [[0.8529, 5.3529, 5.3529], [0.0, 0.0, 0.0]]
    """

    has_prox = True
    metric = "scalar"
    needs_equal_widths = True
    strengths = ("strength", "fusion")
    power: float = 0.5

    def __init__(self, strength: float = 0.01, fusion: float = 0.01) -> None:
        owner = "NonconvexFusedSparseGroupLasso"
        self.strength = checked_strength(strength, owner)
        self.fusion = checked_strength(fusion, owner, "fusion")

    def _steps(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.fusion * xp.sum(xp.abs(w[..., 1:] - w[..., :-1]))

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        roots = powers(xp, row_sums(xp, w), self.power)
        return self.strength * xp.sum(roots) + self._steps(xp, w)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        step, one = step / metric, xp.ones((), dtype=w.dtype)
        # A root is the lowest of its tangents, all of them L1 norms of the row, for
        # which fusion first and shrinkage after it is exact: so it is for the root.
        fused = total_variation(xp, w, step * self.fusion, one)
        return root_threshold(xp, fused, step * self.strength)

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        sizes = xp.maximum(row_sums(xp, w), least)
        return self.strength * power_slopes(xp, sizes, self.power)

    def _tangent_value(self, xp: Namespace, w: Tensor, slopes: Tensor) -> Tensor:
        return super()._tangent_value(xp, w, slopes) + self._steps(xp, w)

    def _tangent_prox(
        self, xp: Namespace, w: Tensor, step: Tensor, slopes: Tensor
    ) -> Tensor:
        one = xp.ones((), dtype=w.dtype)
        fused = total_variation(xp, w, step * self.fusion, one)
        return soft_threshold(xp, fused, step * slopes)
