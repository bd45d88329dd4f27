"""The contract of a hard constraint on weights."""

from typing import Any

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
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
