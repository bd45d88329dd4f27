"""The trace norm of a product of two layers."""

from polytask._export import polytask_export
from polytask.regularizers.penalties.l2 import L2


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
