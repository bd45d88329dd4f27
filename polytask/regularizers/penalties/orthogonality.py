"""Columns that point in different directions."""

from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.Orthogonality")
class Orthogonality(Regularizer):
    """λ ‖WᵀW - I‖_F²: orthonormal units, for diverse experts and features.

    A layer with more units than inputs cannot have orthonormal columns; its rows are
    taken instead. A convolution's kernel is a matrix with one filter a column.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Brock et al., "Neural Photo Editing with Introspective Adversarial Networks",
        ICLR 2017; Bansal, Chen and Wang, "Can We Gain More from Orthogonality
        Regularizations in Training Deep CNNs?", NeurIPS 2018.

    Example:
        >>> float(Orthogonality(1.0)([[2.0, 0.0], [0.0, 1.0]]))
        9.0
    """

    smooth = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "Orthogonality")

    def _tall(self, xp: Namespace, w: Tensor) -> Tensor:
        matrix = as_matrix(xp, w)
        wide = int(matrix.shape[0]) < int(matrix.shape[1])
        return xp.transpose(matrix) if wide else matrix

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        matrix = self._tall(xp, w)
        gram = xp.matmul(xp.transpose(matrix), matrix)
        deviation = gram - xp.eye(int(gram.shape[0]), dtype=w.dtype)
        return self.strength * xp.sum(xp.square(deviation))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        matrix, slope = self._tall(xp, w), self._tall(xp, gradient)
        gram = xp.matmul(xp.transpose(matrix), matrix)
        deviation = gram - xp.eye(int(gram.shape[0]), dtype=w.dtype)
        pull = 4 * self.strength * xp.matmul(matrix, deviation)
        return xp.max(xp.abs(slope + pull))
