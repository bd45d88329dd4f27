"""The elastic-net penalty."""

from polytask._export import polytask_export
from polytask.knob import Knob
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import elastic_net
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.distances import entry_distances
from polytask.regularizers.penalties.l1 import L1
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.ElasticNet")
class ElasticNet(Regularizer):
    """λ₁ Σ|w| + (λ₂/2) Σw²: zeros, but correlated inputs stay together.

    Note the ½: `ElasticNet(a, b)` equals `keras.regularizers.L1L2(a, b / 2)`.

    Args:
        l1: λ₁, at least 0. Defaults to 0.01.
        l2: λ₂, at least 0. Defaults to 0.01.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Zou and Hastie, "Regularization and Variable Selection via the Elastic Net",
        JRSS-B 2005.

    Example:
        >>> from keras import ops
        >>> w = ElasticNet(1.0, 1.0).prox(ops.array([3.0, -0.5, 1.0, -2.0]), step=1.0)
        >>> ops.convert_to_numpy(w).tolist()
        [1.0, 0.0, 0.0, -0.5]
    """

    has_prox = True
    strengths = ("l1", "l2")

    def __init__(self, l1: float = 0.01, l2: float = 0.01) -> None:
        self.l1 = checked_strength(l1, "ElasticNet", "l1")
        self.l2 = checked_strength(l2, "ElasticNet", "l2")
        # A knob may leave zero later.
        self.smooth = not isinstance(self.l1, Knob) and self.l1 == 0

    def without_ridge(self) -> tuple[Regularizer, float]:
        """Return the lasso, and λ₂."""
        return L1(self.l1), self.l2

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return self.l1 * xp.sum(xp.abs(w)) + 0.5 * self.l2 * xp.sum(xp.square(w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return elastic_net(xp, w, step * self.l1 / metric, step * self.l2 / metric)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(xp.abs(gradient))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        return xp.max(entry_distances(xp, w, gradient + self.l2 * w, self.l1))
