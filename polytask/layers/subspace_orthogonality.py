"""Parts of a layer that learn different things."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count, checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.knob import to_config


@polytask_export("polytask.layers.SubspaceOrthogonality")
class SubspaceOrthogonality(keras.regularizers.Regularizer):
    """λ Σ_{r<s} ‖W_rᵀ W_s‖_F², with the kernel's output columns cut into equal parts.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        subspaces: Number of parts. Defaults to 2.

    Raises:
        UserError: If the strength is negative or not finite, there is no part, or
            the columns of a kernel cannot be cut.

    Source:
        Ruder et al., "Latent Multi-task Architecture Learning", AAAI 2019.

    Example:
        >>> import numpy as np
        >>> float(SubspaceOrthogonality(1.0)(np.array([[1.0, 2.0], [1.0, 0.0]])))
        4.0
    """

    def __init__(self, strength: float = 0.01, subspaces: int = 2) -> None:
        self.strength = checked_strength(strength, "SubspaceOrthogonality")
        self.subspaces = checked_count(subspaces, "subspaces", "SubspaceOrthogonality")

    def __call__(self, kernel: Any) -> Any:
        """Return the value."""
        if kernel.shape[-1] % self.subspaces:
            raise UserError(
                f"SubspaceOrthogonality: {kernel.shape[-1]} columns cannot be cut into "
                f"{self.subspaces} equal parts."
            )
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        parts = ops.split(matrix, self.subspaces, axis=1)
        total = ops.zeros((), matrix.dtype)
        for s, later in enumerate(parts):
            for earlier in parts[:s]:
                products = ops.matmul(ops.transpose(earlier), later)
                total = total + ops.sum(ops.square(products))
        return self.strength * total

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"strength": to_config(self.strength), "subspaces": self.subspaces}
