"""Low rank, except for single weights."""

from polytask._export import polytask_export
from polytask.regularizers.penalties.l1 import L1
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.structures.sum_split import SumSplit
from polytask.regularizers.structures.trace_norm import TraceNorm


@polytask_export("polytask.regularizers.SparseLowRank")
class SparseLowRank(SumSplit):
    """min over W = P + Q of λ‖P‖_* + μ‖Q‖₁: a common subspace plus exceptions.

    Args:
        strength: λ of the low-rank part P, above 0. Defaults to 0.01.
        outlier: μ of the sparse part Q, above 0. Defaults to 0.01.
        iterations: Number of alternations. Defaults to 50.

    Raises:
        UserError: If a number is out of range.

    Source:
        Chen, Liu and Ye, "Learning Incoherent Sparse and Low-Rank Patterns from
        Multiple Tasks", KDD 2010 (there with a bound on the trace norm).

    Example:
        >>> import numpy as np
        >>> w = np.ones((4, 4)) + np.diag([5.0, 0.0, 0.0, 0.0])
        >>> _, exceptions = SparseLowRank(1.0, outlier=0.4).split(w)
        >>> int((np.asarray(exceptions) != 0).sum())
        1
    """

    @property
    def parts(self) -> tuple[Regularizer, Regularizer]:
        """The regularizers of P and Q."""
        return TraceNorm(self.strength), L1(self.outlier)
