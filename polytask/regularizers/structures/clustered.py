"""Unknown groups of similar tasks."""

from collections.abc import Sequence

from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.numeric.prox.singular_values import singular_directions, thin_svd
from polytask.regularizers._checks import (
    checked_count,
    checked_number,
    checked_strength,
)
from polytask.regularizers._tensor import Tensor
from polytask.regularizers.structures.task_structure import TaskStructure


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
        eta, total = self.eta, float(self.clusters)
        positive = s > 0
        safe = ops.where(positive, s, ops.ones_like(s))
        # Σ clip(s·y - η, 0, 1) rises piecewise linearly in y = 1/c with these knots.
        knots = ops.concatenate([eta / safe, (1 + eta) / safe], axis=0)
        filled = ops.clip(knots[:, None] * s[None, :] - eta, 0.0, 1.0)
        sums = ops.sum(filled, axis=-1)
        below = sums <= total
        left = ops.max(ops.where(below, knots, ops.zeros_like(knots)))
        left_sum = ops.max(ops.where(below, sums, ops.zeros_like(sums)))
        last = ops.max(knots)
        right = ops.min(ops.where(below, last, knots))
        right_sum = ops.min(ops.where(below, float(s.shape[0] + total), sums))
        reached = right_sum < s.shape[0] + total
        rise = ops.where(reached, right_sum - left_sum, ops.ones_like(left))
        part = ops.where(reached, (total - left_sum) / rise, ops.ones_like(left))
        inverse = ops.where(reached, left + (right - left) * part, last)
        return ops.clip(inverse * s - eta, 0.0, 1.0)

    def _weights(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return Vᵀ and the weight (1 + η)/(η + m) of each singular direction."""
        matrix = self._as_matrix(w)
        _, s, vt = thin_svd(matrix)
        s = s * singular_directions(s, int(matrix.shape[0]), int(matrix.shape[1]))
        scale = ops.where(s[0] > 0, s[0], ops.ones_like(s[0]))
        memberships = self.memberships(s / scale)
        return vt, (1 + self.eta) / (self.eta + memberships)

    def _value(self, w: Tensor) -> Tensor:
        vt, weights = self._weights(w)
        # At the best M the derivative through M vanishes, so M is held constant.
        rotated = ops.matmul(self._as_matrix(w), ops.transpose(vt))
        return 0.5 * self.strength * ops.sum(weights * ops.square(rotated))

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        vt, weights = self._weights(w)
        rotated = ops.matmul(self._as_matrix(w), ops.transpose(vt)) * weights
        pull = self.strength * ops.matmul(rotated, vt)
        return ops.max(ops.abs(self._as_matrix(gradient) + pull))
