"""Columns that point in different directions."""

from keras import ops

from polytask._export import polytask_export
from polytask.regularizers._checks import checked_strength
from polytask.regularizers._tensor import Tensor
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

    def _tall(self, w: Tensor) -> Tensor:
        matrix = ops.reshape(w, (-1, int(w.shape[-1])))
        wide = int(matrix.shape[0]) < int(matrix.shape[1])
        return ops.transpose(matrix) if wide else matrix

    def _value(self, w: Tensor) -> Tensor:
        matrix = self._tall(w)
        gram = ops.matmul(ops.transpose(matrix), matrix)
        deviation = gram - ops.eye(int(gram.shape[0]), dtype=w.dtype)
        return self.strength * ops.sum(ops.square(deviation))

    def _distance(self, w: Tensor, gradient: Tensor) -> Tensor:
        matrix, slope = self._tall(w), self._tall(gradient)
        gram = ops.matmul(ops.transpose(matrix), matrix)
        deviation = gram - ops.eye(int(gram.shape[0]), dtype=w.dtype)
        pull = 4 * self.strength * ops.matmul(matrix, deviation)
        return ops.max(ops.abs(slope + pull))
