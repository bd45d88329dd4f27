"""Unknown groups of similar tasks."""

from collections.abc import Sequence

import keras

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import (
    cluster_memberships,
    map_singular_values,
    singular_directions,
    thin_svd,
)
from polytask.regularizers._checks import (
    checked_count,
    checked_number,
    checked_strength,
)
from polytask.regularizers.groups import as_matrix
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
