"""Penalties of a kernel's groups, directions and singular values, and sums."""

from collections.abc import Sequence
from typing import Any, Self

import keras

from polytask._checks import checked_number, checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import (
    group_soft_threshold,
    map_singular_values,
    max_soft_threshold,
    soft_threshold,
    sparse_group_dual_norm,
    thin_svd,
)
from polytask.regularizers.entries import L2
from polytask.regularizers.groups import (
    ROW_GROUPS,
    as_matrix,
    checked_groups,
    directions,
    entry_distances,
    group_distance,
    group_rows,
    group_scale,
)
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.GroupLasso")
class GroupLasso(Regularizer):
    """λ Σ_g √|g| ‖w_g‖₂: whole inputs, units, channels or filters become zero.

    Right before a batch normalization a group keeps its function until its norm is
    exactly zero, because the normalization undoes any shrinking; put the penalty on
    the layer after it.

    Args:
        strength: λ, at least 0. Defaults to 0.01; a ratio of 0.01 to 0.3 to
            `lambda_max` is usual.
        groups: What is removed as one: `"inputs"` (of a Dense layer), `"units"`,
            `"channels"` or `"filters"` (of a convolution: its inputs and outputs),
            or `"all"`, the whole tensor. Defaults to `"inputs"`.
        scale_by_size: Whether the factor √|g| is applied, which makes strengths
            comparable between layers. Defaults to True.

    Raises:
        UserError: If the strength is negative or not finite, or the groups unknown.

    Source:
        Yuan and Lin, "Model selection and estimation in regression with grouped
        variables", JRSS-B 2006; Wen et al., "Learning Structured Sparsity in Deep
        Neural Networks", NIPS 2016; Scardapane et al., "Group sparse regularization
        for deep neural networks", Neurocomputing 2017.

    Example:
        >>> from keras import ops
        >>> penalty = GroupLasso(1.0, groups="inputs", scale_by_size=False)
        >>> w = penalty.prox(ops.array([[3.0, 4.0], [0.3, 0.4]]), step=2.5)
        >>> ops.convert_to_numpy(w).tolist()
        [[1.5, 2.0], [0.0, 0.0]]
    """

    has_prox = True
    is_norm = True

    def __init__(
        self,
        strength: float = 0.01,
        groups: str = "inputs",
        scale_by_size: bool = True,
    ) -> None:
        self.strength = checked_strength(strength, "GroupLasso")
        self.groups = checked_groups(groups, "GroupLasso")
        self.scale_by_size = bool(scale_by_size)

    def separable_strengths(self, num_tasks: int) -> tuple[float, float] | None:
        """Return λ √T for the rows, where they are the groups."""
        if self.groups not in ROW_GROUPS:
            return None
        return 0.0, self.strength * (num_tasks**0.5 if self.scale_by_size else 1.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        axes, scale = group_scale(w, self.groups, self.scale_by_size)
        return self.strength * scale * xp.sum(safe_norm(xp, w, axes))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        axes, scale = group_scale(w, self.groups, self.scale_by_size)
        threshold = step * self.strength * scale
        return group_soft_threshold(xp, w, threshold, metric, axes)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        axes, scale = group_scale(gradient, self.groups, self.scale_by_size)
        return xp.max(safe_norm(xp, gradient, axes)) / scale

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        axes, scale = group_scale(w, self.groups, self.scale_by_size)
        return group_distance(xp, w, gradient, self.strength * scale, axes)


@polytask_export("polytask.regularizers.SparseGroupLasso")
class SparseGroupLasso(Regularizer):
    """λ (r Σ|w| + (1 - r) Σ_g √|g| ‖w_g‖₂): select groups, then weights inside.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        l1_ratio: r, between 0 (group lasso) and 1 (lasso). Defaults to 0.5.
        groups: What is removed as one, as in `GroupLasso`. Defaults to `"inputs"`.
        scale_by_size: Whether the factor √|g| is applied. Defaults to True.

    Raises:
        UserError: If a number is out of range or the groups are unknown.

    Source:
        Simon, Friedman, Hastie and Tibshirani, "A Sparse-Group Lasso", J. Comput.
        Graph. Stat. 2013.

    Example:
        >>> from keras import ops
        >>> penalty = SparseGroupLasso(2.0, groups="all", scale_by_size=False)
        >>> w = penalty.prox(ops.array([3.0, 4.0, 0.5]), step=1.0)
        >>> [round(x, 3) for x in ops.convert_to_numpy(w).tolist()]
        [1.445, 2.168, 0.0]
    """

    has_prox = True
    is_norm = True

    def __init__(
        self,
        strength: float = 0.01,
        l1_ratio: float = 0.5,
        groups: str = "inputs",
        scale_by_size: bool = True,
    ) -> None:
        owner = "SparseGroupLasso"
        self.strength = checked_strength(strength, owner)
        self.l1_ratio = checked_number(
            l1_ratio, "l1_ratio", owner, at_least=0.0, at_most=1.0
        )
        self.groups = checked_groups(groups, owner)
        self.scale_by_size = bool(scale_by_size)

    def _parts(self, w: Tensor) -> tuple[tuple[int, ...], Any, Any]:
        axes, scale = group_scale(w, self.groups, self.scale_by_size)
        l1 = self.strength * self.l1_ratio
        return axes, l1, self.strength * (1 - self.l1_ratio) * scale

    def separable_strengths(self, num_tasks: int) -> tuple[float, float] | None:
        """Return both strengths, where the rows are the groups."""
        if self.groups not in ROW_GROUPS:
            return None
        scale = num_tasks**0.5 if self.scale_by_size else 1.0
        l1 = self.strength * self.l1_ratio
        return l1, self.strength * (1 - self.l1_ratio) * scale

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        axes, l1, group = self._parts(w)
        return l1 * xp.sum(xp.abs(w)) + group * xp.sum(safe_norm(xp, w, axes))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        axes, l1, group = self._parts(w)
        shrunk = soft_threshold(xp, w, step * l1 / metric)
        return group_soft_threshold(xp, shrunk, step * group, metric, axes)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        _, scale = group_scale(gradient, self.groups, self.scale_by_size)
        rows = group_rows(xp, gradient, self.groups)
        group = (1 - self.l1_ratio) * scale
        return xp.max(sparse_group_dual_norm(xp, rows, self.l1_ratio, group))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        axes, l1, group = self._parts(w)
        removed, direction = directions(xp, w, axes)
        shrunk = soft_threshold(xp, gradient, l1)
        at_zero = xp.maximum(safe_norm(xp, shrunk, axes, keepdims=True) - group, 0.0)
        slope = gradient + group * direction
        elsewhere = entry_distances(xp, w, slope, l1)
        return xp.max(xp.where(removed, at_zero, elsewhere))


@polytask_export("polytask.regularizers.SpectralNorm")
class SpectralNorm(Regularizer):
    """λ σ₁(W): a small Lipschitz constant of the layer.

    A convolution's kernel is a matrix with one filter a column.

    Args:
        strength: λ, at least 0. Defaults to 0.01.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Yoshida and Miyato, "Spectral Norm Regularization for Improving the
        Generalizability of Deep Learning", 2017 (there with the square).

    Example:
        >>> round(float(SpectralNorm(1.0)([[3.0, 0.0], [0.0, 1.0]])), 4)
        3.0
    """

    has_prox = True
    is_norm = True
    metric = "scalar"
    may_fail = True

    def __init__(self, strength: float = 0.01) -> None:
        self.strength = checked_strength(strength, "SpectralNorm")

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        matrix = as_matrix(xp, w)
        u, _, vt = thin_svd(xp, matrix)
        # The gradient of σ₁ is u₁v₁ᵀ; held constant, no decomposition is derived.
        return self.strength * xp.sum(u[:, :1] * vt[:1, :] * matrix)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        threshold = step * self.strength / metric
        matrix = map_singular_values(
            xp,
            as_matrix(xp, w),
            lambda s: max_soft_threshold(xp, s, threshold, xp.ones_like(threshold)),
        )
        return xp.reshape(matrix, w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        _, s, _ = thin_svd(xp, as_matrix(xp, gradient))
        return xp.sum(s)


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


@polytask_export("polytask.regularizers.FactorTraceNorm")
class FactorTraceNorm(L2):
    """(λ/2) ‖A‖_F², on both layers of a linear head W = A B: the trace norm of W.

    The smallest ½(‖A‖² + ‖B‖²) over all factors of W is its trace norm, so ridge on
    two stacked Dense layers without activation between them, the inner one at least
    as wide as the rank sought, trains the trace norm without a decomposition.

    Args:
        strength: λ of the trace norm, the same for both layers. Defaults to 0.01.

    Source:
        Srebro, Rennie and Jaakkola, "Maximum-Margin Matrix Factorization", NIPS 2004.

    Example:
        >>> import keras
        >>> shared = keras.layers.Dense(
        ...     8, use_bias=False, kernel_regularizer=FactorTraceNorm(1e-3)
        ... )
        >>> heads = keras.layers.Dense(3, kernel_regularizer=FactorTraceNorm(1e-3))
    """


@polytask_export("polytask.regularizers.Sum")
class Sum(Regularizer):
    """Ω₁ + Ω₂ + ...: several penalties where a Keras layer takes one regularizer.

    Inside `polytask.MultiTaskModel` each part acts in its own way: those that are
    smooth by their gradient, those with a prox by their proximal step. Two proximal
    parts follow each other, which in general is not the exact step of their sum; the
    model says so. Prefer a penalty that holds both, such as `ElasticNet`.

    Args:
        parts: The penalties, of Keras or polytask.

    Raises:
        UserError: If there is no part, or one is no regularizer.

    Example:
        >>> from polytask.regularizers import L1, L2
        >>> float(Sum([L1(1.0), L2(2.0)])([3.0, -4.0]))
        32.0
    """

    strengths = ()

    def __init__(self, parts: Sequence[keras.regularizers.Regularizer]) -> None:
        if not isinstance(parts, Sequence):
            raise UserError(f"Sum: parts must be a list of penalties; found {parts!r}.")
        self.parts = list(parts)
        for part in self.parts:
            if not isinstance(part, keras.regularizers.Regularizer):
                raise UserError(f"Sum: a part must be a regularizer; found {part!r}.")
        if not self.parts:
            raise UserError("Sum needs at least one part.")
        self.smooth = all(getattr(part, "smooth", False) for part in self.parts)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return sum(part(w) for part in self.parts)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        parts = [keras.saving.serialize_keras_object(part) for part in self.parts]
        return {"parts": parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the sum that `get_config` described."""
        parts = config["parts"]
        return cls([keras.saving.deserialize_keras_object(part) for part in parts])

    def __repr__(self) -> str:
        return f"Sum({self.parts!r})"


def parts_of(regularizer: Any) -> list[Any]:
    """Return the penalties that a regularizer consists of: itself, unless a `Sum`."""
    if not isinstance(regularizer, Sum):
        return [regularizer]
    return [part for whole in regularizer.parts for part in parts_of(whole)]
