"""Task structures that choose features."""

from collections.abc import Sequence

from polytask._checks import checked_number, checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.numeric.bisection import critical_number
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import (
    exclusive_soft_threshold,
    group_soft_threshold,
    max_soft_threshold,
    project_l1_ball,
    project_simplex,
    soft_threshold,
    total_variation,
)
from polytask.regularizers.groups import entry_distances, group_distance
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.TaskStructure")
class TaskStructure(Regularizer):
    """A regularizer on the stack W of all tasks' kernels.

    The last axis of W numbers the tasks, or the outputs of all tasks side by side
    where heads may differ in width; all axes before it number the features. Heads of
    equal width greater than one are flattened, so that a column is a task.

    Attributes:
        needs_equal_widths: Whether the penalty compares the tasks' weights entry by
            entry, so that all heads must have the same shape.
    """

    needs_equal_widths: bool = False

    def bind(
        self, task_names: Sequence[str], widths: Sequence[int] | None = None
    ) -> None:
        """Check that the structure fits these tasks, and learn their order.

        Args:
            task_names: The tasks, in the order of the stack.
            widths: The number of outputs of each head, where known.

        Raises:
            UserError: If the heads differ in width but must not, or the structure
                names a task that is not there.
        """
        if not self.needs_equal_widths or widths is None or len(set(widths)) <= 1:
            return
        sizes = ", ".join(
            f"{task}: {width}" for task, width in zip(task_names, widths, strict=True)
        )
        raise UserError(
            f"{type(self).__name__} compares the tasks' weights one by one and needs "
            f"heads of equal width; found {sizes}. Use L21 or TraceNorm, or apply it "
            "to tower layers of equal shape."
        )


_TASK_AXIS = (-1,)


@polytask_export("polytask.regularizers.L21")
class L21(TaskStructure):
    """λ Σ_i ‖wⁱ‖₂: all tasks keep, or drop, the same features.

    Args:
        strength: λ, at least 0. Defaults to 0.01. scikit-learn's `MultiTaskLasso`
            with `alpha` on the same inputs for all tasks has λ = 2·alpha when every
            task has its own mean squared error.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Obozinski, Taskar and Jordan, "Joint covariate selection and joint subspace
        selection for multiple classification problems", Stat. Comput. 2010; Argyriou,
        Evgeniou and Pontil, "Convex multi-task feature learning", ML 2008.

    Example:
        >>> from keras import ops
        >>> w = L21(1.0).prox(ops.array([[3.0, 4.0], [0.3, 0.4]]), step=2.5)
        >>> ops.convert_to_numpy(w).tolist()
        [[1.5, 2.0], [0.0, 0.0]]
    """

    has_prox = True
    is_norm = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L21")

    def separable_strengths(self, num_tasks: int) -> tuple[float, float]:
        """Return λ for the rows."""
        return 0.0, self.strength

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(safe_norm(xp, w, _TASK_AXIS))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return group_soft_threshold(xp, w, step * self.strength, metric, _TASK_AXIS)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(safe_norm(xp, gradient, _TASK_AXIS))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        return group_distance(xp, w, gradient, self.strength, _TASK_AXIS)


@polytask_export("polytask.regularizers.MultiTaskElasticNet")
class MultiTaskElasticNet(TaskStructure):
    """λ (ρ Σ_i ‖wⁱ‖₂ + (1 - ρ)/2 ‖W‖²): joint features, correlated ones together.

    With λ and ρ the `alpha` and `l1_ratio` of scikit-learn's estimator of this name.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        l1_ratio: ρ, from 0 (ridge) to 1 (`L21`). Defaults to 0.5.

    Raises:
        UserError: If a number is out of range.

    Source:
        Zou and Hastie, "Regularization and Variable Selection via the Elastic Net",
        JRSS-B 2005; Obozinski, Taskar and Jordan, "Joint covariate selection and joint
        subspace selection for multiple classification problems", Stat. Comput. 2010.

    Example:
        >>> from keras import ops
        >>> penalty = MultiTaskElasticNet(2.0, l1_ratio=0.5)
        >>> w = penalty.prox(ops.array([[3.0, 4.0], [0.3, 0.4]]), step=1.0)
        >>> ops.convert_to_numpy(w).astype("float64").round(4).tolist()
        [[1.2, 1.6], [0.0, 0.0]]
    """

    has_prox = True

    def __init__(self, strength: float = 0.01, l1_ratio: float = 0.5) -> None:
        self.strength = checked_strength(strength, "MultiTaskElasticNet")
        self.l1_ratio = checked_number(
            l1_ratio, "l1_ratio", "MultiTaskElasticNet", at_least=0.0, at_most=1.0
        )
        self.smooth = self.l1_ratio == 0
        self.is_norm = self.l1_ratio == 1

    def without_ridge(self) -> tuple[Regularizer, float]:
        """Return the row norms, and the strength of the ridge."""
        rest = L21(self.strength * self.l1_ratio)
        return rest, self.strength * (1 - self.l1_ratio)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        rows = xp.sum(safe_norm(xp, w, _TASK_AXIS))
        ridge = 0.5 * xp.sum(xp.square(w))
        return self.strength * (self.l1_ratio * rows + (1 - self.l1_ratio) * ridge)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        scale = metric + step * self.strength * (1 - self.l1_ratio)
        threshold = step * self.strength * self.l1_ratio
        return group_soft_threshold(
            xp, w * metric / scale, threshold, scale, _TASK_AXIS
        )

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        if self.l1_ratio == 0:
            return None
        return xp.max(safe_norm(xp, gradient, _TASK_AXIS)) / self.l1_ratio

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        slope = gradient + self.strength * (1 - self.l1_ratio) * w
        return group_distance(xp, w, slope, self.strength * self.l1_ratio, _TASK_AXIS)


@polytask_export("polytask.regularizers.L1Inf")
class L1Inf(TaskStructure):
    """λ Σ_i max_t |w_it|: one feature list for all tasks, once paid, free for all.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Turlach, Venables and Wright, "Simultaneous Variable Selection", Technometrics
        2005; Quattoni et al., "An efficient projection for L1,∞ regularization", ICML
        2009.

    Example:
        >>> from keras import ops
        >>> w = L1Inf(2.0).prox(ops.array([[3.0, 1.0, -2.0]]), step=1.0)
        >>> ops.convert_to_numpy(w).tolist()
        [[1.5, 1.0, -1.5]]
    """

    has_prox = True
    is_norm = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "L1Inf")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * xp.sum(xp.max(xp.abs(w), axis=-1))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return max_soft_threshold(xp, w, step * self.strength, metric)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(xp.sum(xp.abs(gradient), axis=-1))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        # At zero the subdifferential of a row is an L1 ball; elsewhere a simplex on
        # the entries that share the largest absolute value, with their signs.
        one = xp.ones((), dtype=w.dtype)
        wanted = -gradient
        ball = wanted
        if self.strength > 0:
            ball = wanted - project_l1_ball(xp, wanted, self.strength, one)
            size = xp.abs(w)
            top = size == xp.max(size, axis=-1, keepdims=True)
            # Entries below the top must not take part: far below every other key.
            signed = xp.sign(w) * wanted
            floor = xp.min(signed, axis=-1, keepdims=True) - 2 * self.strength
            keys = xp.where(top, signed, floor)
            floor_mass = project_simplex(xp, keys, self.strength, one)
            face = wanted - xp.where(top, xp.sign(w) * floor_mass, 0.0)
            removed = xp.all(w == 0, axis=-1, keepdims=True)
            ball = xp.where(removed, ball, face)
        return xp.max(xp.abs(ball))


@polytask_export("polytask.regularizers.ExclusiveLasso")
class ExclusiveLasso(TaskStructure):
    """(λ/2) Σ_i (Σ_t |w_it|)²: a feature used by one task is dear to the others.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Zhou, Jin and Hoi, "Exclusive Lasso for Multi-task Feature Selection",
        AISTATS 2010.

    Example:
        >>> from keras import ops
        >>> w = ExclusiveLasso(1.0).prox(ops.array([[3.0, 1.0, -2.0]]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w)[0].tolist()]
        [1.3333, 0.0, -0.3333]
    """

    has_prox = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "ExclusiveLasso")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        rows = xp.sum(xp.abs(w), axis=-1)
        return 0.5 * self.strength * xp.sum(xp.square(rows))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return exclusive_soft_threshold(xp, w, step * self.strength, metric)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        slope = self.strength * xp.sum(xp.abs(w), axis=-1, keepdims=True)
        return xp.max(entry_distances(xp, w, gradient, slope))


@polytask_export("polytask.regularizers.FusedSparseGroupLasso")
class FusedSparseGroupLasso(TaskStructure):
    """λ‖W‖₂,₁ + δ Σ_t ‖w_(t+1) - w_t‖₁ + μ‖W‖₁: features enter and leave (cFSGL).

    Tasks are in the order of time.

    Args:
        strength: λ of the joint feature selection, at least 0. Defaults to 0.01.
        fusion: δ, at least 0. Defaults to 0.01.
        l1: μ, at least 0. Defaults to 0.0.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Zhou, Liu, Narayan and Ye, "Modeling Disease Progression via Fused Sparse
        Group Lasso", KDD 2012.

    Example:
        >>> from keras import ops
        >>> penalty = FusedSparseGroupLasso(0.0, fusion=1.0)
        >>> w = penalty.prox(ops.array([[0.0, 6.0, 6.0]]), step=1.0)
        >>> ops.convert_to_numpy(w).tolist()
        [[1.0, 5.5, 5.5]]
    """

    has_prox = True
    metric = "scalar"
    needs_equal_widths = True
    strengths = ("strength", "fusion", "l1")

    def __init__(
        self, strength: float = 0.01, fusion: float = 0.01, l1: float = 0.0
    ) -> None:
        owner = "FusedSparseGroupLasso"
        self.strength = checked_strength(strength, owner)
        self.fusion = checked_strength(fusion, owner, "fusion")
        self.l1 = checked_strength(l1, owner, "l1")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return (
            self.strength * xp.sum(safe_norm(xp, w, (-1,)))
            + self.fusion * xp.sum(xp.abs(w[..., 1:] - w[..., :-1]))
            + self.l1 * xp.sum(xp.abs(w))
        )

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        step = step / metric
        one = xp.ones((), dtype=w.dtype)
        fused = total_variation(xp, w, step * self.fusion, one)
        sparse = soft_threshold(xp, fused, step * self.l1)
        return group_soft_threshold(xp, sparse, step * self.strength, one, (-1,))

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor | None:
        if self.strength == 0:
            return None

        def is_zero(strength: Tensor) -> Tensor:
            step = strength / self.strength
            one = xp.ones((), dtype=gradient.dtype)
            return xp.all(self._prox(xp, gradient, step, one) == 0)

        return critical_number(xp, is_zero, xp.max(xp.abs(gradient)))
