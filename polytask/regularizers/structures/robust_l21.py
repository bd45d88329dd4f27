"""Shared features, except for outlier tasks."""

from polytask._export import polytask_export
from polytask.regularizers.penalties.group_lasso import GroupLasso
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.structures.l21 import L21
from polytask.regularizers.structures.sum_split import SumSplit


@polytask_export("polytask.regularizers.RobustL21")
class RobustL21(SumSplit):
    """min over W = P + Q of λ Σ_i ‖pⁱ‖₂ + μ Σ_t ‖q_t‖₂: rMTFL.

    Args:
        strength: λ of the shared rows P, above 0. Defaults to 0.01.
        outlier: μ of the outlier columns Q, above 0. Defaults to 0.01.
        iterations: Number of alternations. Defaults to 50.

    Raises:
        UserError: If a number is out of range.

    Source:
        Gong, Ye and Zhang, "Robust multi-task feature learning", KDD 2012.

    Example:
        >>> import numpy as np
        >>> w = np.array([[3.0, 3.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 2.0]])
        >>> _, outliers = RobustL21(1.0, outlier=1.0).split(w)
        >>> (np.abs(np.asarray(outliers)).sum(axis=0) > 0).tolist()
        [False, False, True]
    """

    # Neither part decomposes a matrix.
    may_fail = False

    @property
    def parts(self) -> tuple[Regularizer, Regularizer]:
        """The regularizers of P and Q."""
        columns = GroupLasso(self.outlier, groups="units", scale_by_size=False)
        return L21(self.strength), columns
