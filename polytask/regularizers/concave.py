"""Penalties of single weights, and of rows, that leave large ones alone."""

from polytask._checks import checked_number, checked_strength
from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import (
    capped_threshold,
    log_sum_threshold,
    power_threshold,
    root_threshold,
    soft_threshold,
)
from polytask.regularizers.feature_selection import TaskStructure
from polytask.regularizers.groups import entry_distances
from polytask.regularizers.regularizer import Regularizer


class HasTangents(Regularizer):
    """A penalty Σ h(|w|) with a concave h, below each of its tangents.

    The tangent at a point is convex, an L1 norm with weights of its own unless the
    class says otherwise, so that a sequence of convex problems finds a minimum.

    Attributes:
        power: q of a penalty |w|^q, whose slope is infinite at zero; None for a
            penalty whose slope there is finite.
    """

    power: float | None = None

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        """Return h' at the larger of |w| and `least`, for each weight or row."""
        raise TypeError(f"{type(self).__name__} must define _slopes(xp, w, least).")

    def _tangent_value(self, xp: Namespace, w: Tensor, slopes: Tensor) -> Tensor:
        """Return the convex penalty with these slopes, up to a constant."""
        sizes, there = nonzero_sizes(xp, xp.abs(w))
        return xp.sum(xp.where(there, sizes * slopes, xp.zeros_like(w)))

    def _tangent_prox(
        self, xp: Namespace, w: Tensor, step: Tensor, slopes: Tensor
    ) -> Tensor:
        """Return the prox of the convex penalty with these slopes."""
        return soft_threshold(xp, w, step * slopes)

    def _size(self, xp: Namespace, w: Tensor) -> Tensor:
        """Return the |w| that is dual to the largest gradient."""
        return xp.max(xp.abs(w))


class HasEntryTangents(HasTangents):
    """A penalty with corners where single weights are 0, of finite slopes there."""

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(xp.abs(gradient))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        return xp.max(entry_distances(xp, w, gradient, self._slopes(xp, w, 0.0)))


@polytask_export("polytask.regularizers.LogSum")
class LogSum(HasEntryTangents):
    """λ Σ log(1 + |w| / ε): zeros as of reweighted L1, less shrinkage of large weights.

    Args:
        strength: λ, at least 0. Defaults to 0.01. Near zero the penalty is L1 with the
            strength λ / ε.
        epsilon: ε, above 0; smaller is closer to a count of weights. Defaults to 0.1.

    Raises:
        UserError: If a number is out of range.

    Source:
        Candès, Wakin and Boyd, "Enhancing Sparsity by Reweighted L1 Minimization", J.
        Fourier Anal. Appl. 2008.

    Example:
        >>> from keras import ops
        >>> w = LogSum(1.0, epsilon=1.0).prox(ops.array([0.5, 3.0]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w).tolist()]
        [0.0, 2.7321]
    """

    has_prox = True

    def __init__(self, strength: float = 0.01, epsilon: float = 0.1) -> None:
        self.strength = checked_strength(strength, "LogSum")
        self.epsilon = checked_number(epsilon, "epsilon", "LogSum", above=0.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(xp.log(1 + xp.abs(w) / self.epsilon))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return log_sum_threshold(xp, w, step * self.strength / metric, self.epsilon)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return self.epsilon * xp.max(xp.abs(gradient))

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        return self.strength / (self.epsilon + xp.maximum(xp.abs(w), least))


@polytask_export("polytask.regularizers.CappedL1")
class CappedL1(HasEntryTangents):
    """λ Σ min(|w|, θ): L1 up to θ, and no shrinkage beyond.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        cap: θ, above 0. Defaults to 0.1.

    Raises:
        UserError: If a number is out of range.

    Source:
        Zhang, "Analysis of Multi-stage Convex Relaxation for Sparse Regularization",
        JMLR 2010.

    Example:
        >>> from keras import ops
        >>> w = CappedL1(1.0, cap=1.0).prox(ops.array([0.5, 1.25, 3.0]), step=1.0)
        >>> ops.convert_to_numpy(w).tolist()
        [0.0, 0.25, 3.0]
    """

    has_prox = True

    def __init__(self, strength: float = 0.01, cap: float = 0.1) -> None:
        self.strength = checked_strength(strength, "CappedL1")
        self.cap = checked_number(cap, "cap", "CappedL1", above=0.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(xp.minimum(xp.abs(w), self.cap))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return capped_threshold(xp, w, step * self.strength / metric, self.cap)

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        below = xp.maximum(xp.abs(w), least) < self.cap
        return self.strength * xp.cast(below, w.dtype)


@polytask_export("polytask.regularizers.CappedRows")
class CappedRows(HasEntryTangents, TaskStructure):
    """λ Σ_i min(‖wⁱ‖₁, θ): features for few tasks, those in use not shrunken.

    A feature whose weights come to more than θ pays no more for further tasks; one that
    matters little loses its smaller weights one by one. Multi-stage feature learning
    reaches a minimum by a sequence of lassos; here each update has the exact prox.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        cap: θ, above 0. Defaults to 0.1.

    Raises:
        UserError: If a number is out of range.

    Source:
        Gong, Ye and Zhang, "Multi-Stage Multi-Task Feature Learning", JMLR 2013.

    Example:
        >>> from keras import ops
        >>> w = ops.array([[0.5, 0.25], [2.0, 0.25]])
        >>> shrunk = CappedRows(1.0, cap=1.0).prox(w, step=0.5)
        >>> ops.convert_to_numpy(shrunk).tolist()
        [[0.0, 0.0], [2.0, 0.25]]
    """

    has_prox = True
    metric = "scalar"

    def __init__(self, strength: float = 0.01, cap: float = 0.1) -> None:
        self.strength = checked_strength(strength, "CappedRows")
        self.cap = checked_number(cap, "cap", "CappedRows", above=0.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(xp.minimum(row_sums(xp, w), self.cap))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        strength = step * self.strength / metric
        return capped_threshold(xp, w, strength, self.cap, by_row=True)

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        below = xp.maximum(row_sums(xp, w), least) < self.cap
        return self.strength * xp.cast(below, w.dtype)


@polytask_export("polytask.regularizers.MultiLevel")
class MultiLevel(HasTangents, TaskStructure):
    """λ Σ_i √(‖wⁱ‖₁): a level of each feature for all tasks, and one for each.

    With weights w_it = a_i b_it and the price μ Σ a_i + ν Σ|b_it|, a_i at least 0, the
    cheapest levels cost this, for λ = 2 √(μ ν). A feature in much use pays less for
    further tasks; one in little use is dropped.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Lozano and Swirszcz, "Multi-level Lasso for Sparse Multi-task Regression", ICML
        2012.

    Example:
        >>> from keras import ops
        >>> w = ops.array([[0.5, 0.25], [3.0, 0.5]])
        >>> found = ops.convert_to_numpy(MultiLevel(1.0).prox(w, step=1.0))
        >>> [[round(x, 4) for x in row] for row in found.tolist()]
        [[0.0, 0.0], [2.7071, 0.2071]]
    """

    has_prox = True
    metric = "scalar"
    power: float = 0.5

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "MultiLevel")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(powers(xp, row_sums(xp, w), self.power))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return root_threshold(xp, w, step * self.strength / metric)

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        sizes = xp.maximum(row_sums(xp, w), least)
        return self.strength * power_slopes(xp, sizes, self.power)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        off = entry_distances(xp, w, gradient, self._slopes(xp, w, 0.0))
        # Every gradient is a limiting subgradient of a row that is zero.
        return xp.max(xp.where(row_sums(xp, w) != 0, off, xp.zeros_like(w)))


@polytask_export("polytask.regularizers.Lq")
class Lq(HasTangents):
    """λ Σ |w|^q with q < 1: between a count of weights and their sum.

    Its slope at zero is infinite, so a weight at zero leaves it by the prox alone, and
    only where it jumps to at least (2 λ (1 - q))^(1 / (2 - q)) for a step of 1.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        power: q, above 0 and below 1. Defaults to 0.5.

    Raises:
        UserError: If a number is out of range.

    Source:
        Xu, Chang, Xu and Zhang, "L1/2 Regularization: A Thresholding Representation
        Theory and a Fast Solver", IEEE Trans. Neural Networks 2012.

    Example:
        >>> from keras import ops
        >>> w = Lq(1.0, power=0.5).prox(ops.array([1.4, 3.0]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w).tolist()]
        [0.0, 2.6955]
    """

    has_prox = True
    power: float

    def __init__(self, strength: float = 0.01, power: float = 0.5) -> None:
        self.strength = checked_strength(strength, "Lq")
        self.power = checked_number(power, "power", "Lq", above=0.0, below=1.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(powers(xp, xp.abs(w), self.power))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return power_threshold(xp, w, step * self.strength / metric, self.power)

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        sizes = xp.maximum(xp.abs(w), least)
        return self.strength * power_slopes(xp, sizes, self.power)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        off = xp.abs(gradient + self._slopes(xp, w, 0.0) * xp.sign(w))
        # Every gradient is a limiting subgradient at zero.
        return xp.max(xp.where(w != 0, off, xp.zeros_like(w)))


def powers(xp: Namespace, sizes: Tensor, power: float) -> Tensor:
    """Return sizes^power, with the gradient 0 at 0 in place of an infinite one."""
    sizes, there = nonzero_sizes(xp, sizes)
    return xp.where(there, xp.power(sizes, power), xp.zeros_like(sizes))


def power_slopes(xp: Namespace, sizes: Tensor, power: float) -> Tensor:
    """Return the derivative of sizes^power, infinite at 0."""
    sizes, there = nonzero_sizes(xp, sizes)
    slopes = power * xp.power(sizes, power - 1)
    return xp.where(there, slopes, xp.full_like(slopes, float("inf")))


def nonzero_sizes(xp: Namespace, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return sizes with 1 in place of 0, and where they are not 0.

    The slope of a root is infinite at zero, and would be NaN in a gradient.
    """
    there = sizes != 0
    return xp.where(there, sizes, xp.ones_like(sizes)), there


def row_sums(xp: Namespace, w: Tensor) -> Tensor:
    """Return ‖wⁱ‖₁ of each row."""
    return xp.sum(xp.abs(w), axis=-1, keepdims=True)
