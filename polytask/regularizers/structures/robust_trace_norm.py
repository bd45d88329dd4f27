"""Low rank, except for outlier tasks."""

from polytask._export import polytask_export
from polytask.regularizers.penalties.group_lasso import GroupLasso
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.structures.sum_split import SumSplit
from polytask.regularizers.structures.trace_norm import TraceNorm


@polytask_export("polytask.regularizers.RobustTraceNorm")
class RobustTraceNorm(SumSplit):
    """min over W = P + Q of λ‖P‖_* + μ Σ_t ‖q_t‖₂: find the task that does not belong.

    Q = 0 if μ ≥ λ, and P = 0 if λ ≥ √T·μ with T tasks.

    Args:
        strength: λ of the low-rank part P, above 0. Defaults to 0.01.
        outlier: μ of the outlier columns Q, above 0. Defaults to 0.01.
        iterations: Number of alternations. Defaults to 50.

    Raises:
        UserError: If a number is out of range.

    Source:
        Chen, Zhou and Ye, "Integrating low-rank and group-sparse structures for robust
        multi-task learning", KDD 2011.

    Example:
        >>> import numpy as np
        >>> w = np.outer(np.ones(4), [1.0, 1.0, 1.0, 0.0]) + np.diag([0, 0, 0, 9.0])
        >>> _, outliers = RobustTraceNorm(1.0, outlier=0.7).split(w)
        >>> (np.abs(np.asarray(outliers)).sum(axis=0) > 0).tolist()
        [False, False, False, True]
    """

    @property
    def parts(self) -> tuple[Regularizer, Regularizer]:
        """The regularizers of P and Q."""
        columns = GroupLasso(self.outlier, groups="units", scale_by_size=False)
        return TraceNorm(self.strength), columns
