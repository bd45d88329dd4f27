"""Task structures of the singular values: tasks that share a subspace."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count, checked_number, checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError, one_of
from polytask.numeric.namespace import Namespace, Tensor, in_single
from polytask.numeric.prox import (
    cluster_memberships,
    exclusive_soft_threshold,
    map_singular_values,
    nuclear_norm,
    singular_directions,
    singular_value_threshold,
    thin_svd,
)
from polytask.regularizers.feature_selection import TaskStructure
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.regularizer import Regularizer

#: How a tensor is laid out as matrices.
UNFOLDINGS = ("last_axis", "tucker", "tensor_train", "generalized")


@polytask_export("polytask.regularizers.TraceNorm")
class TraceNorm(TaskStructure):
    """λ Σ_k s_k(W), the singular values: weights that span few directions.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Ji and Ye, "An accelerated gradient method for trace norm minimization", ICML
        2009; Pong et al., "Trace Norm Regularization", SIAM J. Optim. 2010.

    Example:
        >>> from keras import ops
        >>> w = TraceNorm(1.0).prox(ops.array([[1.0, 1.0], [1.0, 1.0]]), step=0.5)
        >>> [[round(x, 4) for x in row] for row in ops.convert_to_numpy(w).tolist()]
        [[0.75, 0.75], [0.75, 0.75]]
    """

    has_prox = True
    is_norm = True
    metric = "scalar"
    may_fail = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "TraceNorm")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.strength * nuclear_norm(xp, as_matrix(xp, w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        threshold = step * self.strength / metric
        matrix = singular_value_threshold(xp, as_matrix(xp, w), threshold)
        return xp.reshape(matrix, w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        _, s, _ = thin_svd(xp, as_matrix(xp, gradient))
        return s[0]

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        # ∂‖W‖ = U Vᵀ + M with M outside the row and column space and σ₁(M) ≤ 1.
        matrix, wanted = as_matrix(xp, w), -as_matrix(xp, gradient)
        u, s, vt = thin_svd(xp, matrix)
        mask = singular_directions(xp, s, int(matrix.shape[0]), int(matrix.shape[1]))
        u, vt = u * mask, vt * mask[:, None]
        left = wanted - xp.matmul(u, xp.matmul(xp.transpose(u), wanted))
        outside = left - xp.matmul(xp.matmul(left, xp.transpose(vt)), vt)
        inside = wanted - outside - self.strength * xp.matmul(u, vt)
        _, rest, _ = thin_svd(xp, outside)
        excess = xp.maximum(rest[0] - self.strength, 0)
        return xp.maximum(xp.max(xp.abs(inside)), excess)


@polytask_export("polytask.regularizers.TensorTraceNorm")
class TensorTraceNorm(TaskStructure):
    """λ Σ ‖unfolding of W‖_*: how much each layer is shared is learned.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        unfolding: `"last_axis"`: the tasks against everything else, the only form
            with a prox; `"tucker"`: every axis against the others, summed;
            `"tensor_train"`: every cut into leading and trailing axes, summed;
            `"generalized"`: every cut into two sets of axes, with weights that add up
            to 1 and are the cheapest, so that the smallest of the norms counts.
            Defaults to `"last_axis"`.

    Raises:
        UserError: If the strength is out of range or the unfolding unknown.

    Source:
        Yang and Hospedales, "Trace Norm Regularised Deep Multi-Task Learning", ICLR
        Workshop 2017; Zhang, Zhang and Wang, "Deep Multi-task Learning via Generalized
        Tensor Trace Norm", arXiv:2002.04799 (the generalized one).

    Example:
        >>> from keras import ops
        >>> a = ops.array([1.0, 2.0])
        >>> cube = a[:, None, None] * a[None, :, None] * a[None, None, :]
        >>> round(float(TensorTraceNorm(1.0)(cube)), 4)
        11.1803
    """

    metric = "scalar"
    may_fail = True
    needs_equal_widths = True

    def __init__(self, strength: float = 0.01, unfolding: str = "last_axis") -> None:
        self.strength = checked_strength(strength, "TensorTraceNorm")
        one_of("TensorTraceNorm: unfolding", unfolding, UNFOLDINGS)
        self.unfolding = unfolding
        self.has_prox = self.unfolding == "last_axis"

    def _unfoldings(self, xp: Namespace, w: Tensor) -> list[Tensor]:
        shape = [int(size) for size in w.shape]
        if self.unfolding == "tucker":
            return [
                xp.reshape(xp.moveaxis(w, axis, 0), (shape[axis], -1))
                for axis in range(len(shape))
            ]
        if self.unfolding == "tensor_train":
            return [
                xp.reshape(w, (math.prod(shape[:cut]), -1))
                for cut in range(1, len(shape))
            ]
        if self.unfolding == "generalized":
            axes = range(len(shape))
            # Each cut once: on the side of the first axis.
            sides = [
                (0, *others)
                for size in range(len(shape) - 1)
                for others in itertools.combinations(axes[1:], size)
            ]
            return [
                xp.reshape(
                    xp.transpose(w, (*side, *(a for a in axes if a not in side))),
                    (math.prod(shape[axis] for axis in side), -1),
                )
                for side in sides
            ]
        return [as_matrix(xp, w)]

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        norms = [nuclear_norm(xp, m) for m in self._unfoldings(xp, w)]
        if self.unfolding == "generalized":
            return self.strength * xp.min(xp.stack(norms))
        return self.strength * sum(norms)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        threshold = step * self.strength / metric
        matrix = singular_value_threshold(xp, as_matrix(xp, w), threshold)
        return xp.reshape(matrix, w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor | None:
        if not self.has_prox:
            return None
        _, s, _ = thin_svd(xp, as_matrix(xp, gradient))
        return s[0]


@polytask_export("polytask.regularizers.TaskRelationship")
class TaskRelationship(TaskStructure):
    """(λ/2) min_Ω tr(W Ω⁻¹ Wᵀ) + (μ/2) ‖W‖²: learned task covariance Ω, tr Ω = 1.

    The best Ω is (WᵀW)^½ / tr (WᵀW)^½ and the minimum is the squared trace norm, so
    the penalty is used in that form: exact, with a prox, and without inverting Ω. What
    it adds to `TraceNorm` is `correlation`, which shows negative relations as well.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        ridge: μ, at least 0. Defaults to 0.0.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Zhang and Yeung, "A Convex Formulation for Learning Task Relationships in
        Multi-Task Learning", UAI 2010.

    Example:
        >>> import numpy as np
        >>> w = np.array([[1.0, 1.0, -1.0], [0.5, 0.5, -0.5]], dtype="float32")
        >>> np.round(TaskRelationship().correlation(w), 2).tolist()
        [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    """

    has_prox = True
    metric = "scalar"
    may_fail = True
    needs_equal_widths = True
    strengths = ("strength", "ridge")

    def __init__(self, strength: float = 0.01, ridge: float = 0.0) -> None:
        self.strength = checked_strength(strength, "TaskRelationship")
        self.ridge = checked_strength(ridge, "TaskRelationship", "ridge")

    def covariance(self, w: Any) -> np.ndarray:
        """Return the best Ω for these weights.

        Args:
            w: The stack of the tasks' weights, last axis tasks.

        Returns:
            Matrix (tasks, tasks) with trace 1; NaN if all weights are zero.
        """
        _, s, vt = thin_svd(ops, as_matrix(ops, in_single(w)))
        values = ops.convert_to_numpy(s).astype("float64")
        vectors = ops.convert_to_numpy(vt).astype("float64")
        with np.errstate(invalid="ignore"):
            covariance: np.ndarray = (vectors.T * values) @ vectors / values.sum()
        return covariance

    def correlation(self, w: Any) -> np.ndarray:
        """Return the task-correlation matrix Ω_st / √(Ω_ss Ω_tt).

        Args:
            w: The stack of the tasks' weights, last axis tasks.

        Returns:
            Matrix (tasks, tasks) with entries from -1 to 1; NaN in the rows and
            columns of tasks whose weights are all zero.
        """
        covariance = self.covariance(w)
        scale = np.sqrt(np.diag(covariance))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.clip(covariance / np.outer(scale, scale), -1.0, 1.0)

    def without_ridge(self) -> tuple[Regularizer, float]:
        """Return the squared trace norm, and μ."""
        return TaskRelationship(self.strength), self.ridge

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        trace_norm = nuclear_norm(xp, as_matrix(xp, w))
        ridge = 0.5 * self.ridge * xp.sum(xp.square(w))
        return 0.5 * self.strength * xp.square(trace_norm) + ridge

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        shrink = 1 / (1 + step * self.ridge / metric)
        strength = step * self.strength / metric * shrink
        matrix = map_singular_values(
            xp,
            as_matrix(xp, w),
            lambda s: exclusive_soft_threshold(
                xp, s * shrink, strength, xp.ones_like(strength)
            ),
        )
        return xp.reshape(matrix, w.shape)


@polytask_export("polytask.regularizers.Clustered")
class Clustered(TaskStructure):
    """(λ/2)(1 + η) min_M tr(W (ηI + M)⁻¹ Wᵀ): tasks fall into k clusters.

    M ranges over 0 ⪯ M ⪯ I with trace k. Its best value has the singular vectors of W
    and, for its singular values s, the eigenvalues clip(s/c - η, 0, 1). So the penalty
    is a smooth function of the singular values and is trained through its gradient.
    With k = number of tasks it is ridge, (λ/2)‖W‖². In the notation of the source,
    λ = 2·rho2 and η = rho2 / rho1.

    Args:
        clusters: k, at least 1.
        strength: λ, at least 0. Defaults to 0.01.
        eta: η, above 0; smaller separates the clusters more. Defaults to 0.1.

    Raises:
        UserError: If a number is out of range.

    Source:
        Jacob, Bach and Vert, "Clustered Multi-Task Learning: A Convex Formulation",
        NIPS 2008; Zhou, Chen and Ye, "Clustered Multi-Task Learning Via Alternating
        Structure Optimization", NIPS 2011.

    Example:
        >>> ridge = Clustered(clusters=2, strength=1.0)
        >>> round(float(ridge([[3.0, 0.0], [0.0, 4.0]])), 3)
        12.5
    """

    smooth = True
    needs_equal_widths = True

    def __init__(self, clusters: int, strength: float = 0.01, eta: float = 0.1) -> None:
        self.clusters = checked_count(clusters, "clusters", "Clustered")
        self.strength = checked_strength(strength, "Clustered")
        self.eta = checked_number(eta, "eta", "Clustered", above=0.0)

    def bind(
        self, task_names: Sequence[str], widths: Sequence[int] | None = None
    ) -> None:
        """Check that there are not more clusters than tasks."""
        super().bind(task_names, widths)
        if self.clusters > len(task_names):
            raise UserError(
                f"Clustered: clusters={self.clusters}, but there are only "
                f"{len(task_names)} tasks: {', '.join(task_names)}."
            )

    def memberships(self, s: Tensor) -> Tensor:
        """Return the eigenvalues of the best M, for falling singular values.

        Args:
            s: Singular values (k,), the largest above 0 and none negative.

        Returns:
            Tensor (k,) from 0 to 1, with the sum `clusters` where enough singular
            values are above zero, else 1 for those that are.
        """
        return self._memberships(keras.ops, s, self.eta)

    def _memberships(self, xp: Namespace, s: Tensor, eta: Tensor) -> Tensor:
        scale = xp.where(s[0] > 0, s[0], xp.ones_like(s[0]))
        return cluster_memberships(xp, s / scale, float(self.clusters), eta)

    def _weights(self, xp: Namespace, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return Vᵀ and the weight (1 + η)/(η + m) of each singular direction."""
        matrix = as_matrix(xp, w)
        _, s, vt = thin_svd(xp, matrix)
        s = s * singular_directions(xp, s, int(matrix.shape[0]), int(matrix.shape[1]))
        memberships = self._memberships(xp, s, self.eta)
        return vt, (1 + self.eta) / (self.eta + memberships)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        vt, weights = self._weights(xp, w)
        # At the best M the derivative through M vanishes, so M is held constant.
        rotated = xp.matmul(as_matrix(xp, w), xp.transpose(vt))
        return 0.5 * self.strength * xp.sum(weights * xp.square(rotated))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        # The same problem with η + m longer by the step.
        shift = step * self.strength * (1 + self.eta) / metric

        def shrink(s: Tensor) -> Tensor:
            level = self.eta + self._memberships(xp, s, self.eta + shift)
            return s * level / (level + shift)

        matrix = map_singular_values(xp, as_matrix(xp, w), shrink)
        return xp.reshape(matrix, w.shape)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        vt, weights = self._weights(xp, w)
        rotated = xp.matmul(as_matrix(xp, w), xp.transpose(vt)) * weights
        pull = self.strength * xp.matmul(rotated, vt)
        return xp.max(xp.abs(as_matrix(xp, gradient) + pull))
