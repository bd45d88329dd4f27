"""A matrix-normal prior with a sparse precision of the tasks."""

from collections.abc import Iterator

import numpy as np

from polytask._checks import checked_number
from polytask.linear.alternation import SOLVED, AlternatingRegression
from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.solvers.conjugate_gradients import conjugate_gradients
from polytask.linear.solvers.graphical_lasso import graphical_lasso


class MatrixNormalRegressor(AlternatingRegression):
    """Σ_t L_t(w_t) + (λ/2) (tr(W P Wᵀ) - d log|P| + d α Σ|P|) over W and P.

    The rows of W, one for each of d features, have a normal prior with the precision P,
    on whose entries there is a price. Where P_st is zero, tasks s and t are independent
    given all others: P is the graph of tasks. L_t is half the mean squared error of
    task t.

    Weights and precision are minimized in turn, from the tasks' own ridge fits on; the
    precision is a graphical lasso. The objective falls to a local minimum.

    Args:
        ratio: λ as a fraction of the mean loss of a task at W = 0, above 0; one over
            the number of examples of a task is a scale for it. Defaults to 0.01.
        sparsity: α as a fraction of the mean square of a weight in the ridge fits,
            above 0. Defaults to 0.1.
        fit_intercept: Whether each task has an unpenalized intercept. Defaults to True.
        task_weights: As in `MultiTaskRegressor`. Defaults to `"equal"`.
        tol: Least fall of the objective in a turn, as a fraction of the first.
            Defaults to 1e-4.
        max_iter: Largest number of turns. Defaults to 100.

    Attributes:
        coef_, intercept_, n_tasks_, n_features_in_: As in `MultiTaskRegressor`.
        task_precision_: P (tasks, tasks).
        strength_: λ.
        objective_: The minimum.
        objectives_: The objective after each turn.
        n_iter_: Number of turns.

    Source:
        Zhang and Schneider, "Learning Multiple Tasks with a Sparse Matrix-Normal
        Penalty", NIPS 2010 (which has a precision of the features as well); Long, Cao,
        Wang and Yu, "Learning Multiple Tasks with Multilinear Relationship Networks",
        NIPS 2017 (such priors in networks).

    Example:
        >>> import numpy as np
        >>> random = np.random.default_rng(0)
        >>> x, w = random.standard_normal((90, 40)), random.standard_normal((40, 4))
        >>> w[:, 1] += 2 * w[:, 0]
        >>> model = MatrixNormalRegressor(sparsity=0.3).fit(x, x @ w)
        >>> (model.task_precision_[0] != 0).tolist()
        [True, True, False, False]
    """

    def __init__(
        self,
        ratio: float = 0.01,
        *,
        sparsity: float = 0.1,
        fit_intercept: bool = True,
        task_weights: str = "equal",
        tol: float = 1e-4,
        max_iter: int = 100,
    ) -> None:
        self.ratio = ratio
        self.sparsity = sparsity
        self.fit_intercept = fit_intercept
        self.task_weights = task_weights
        self.tol = tol
        self.max_iter = max_iter

    def _check_options(self) -> None:
        super()._check_options()
        for name in ("ratio", "sparsity"):
            checked_number(getattr(self, name), name, type(self).__name__, above=0.0)

    def _turns(self, datafit: QuadraticDatafit) -> Iterator[tuple[float, np.ndarray]]:
        features, tasks = datafit.shape
        largest = float(np.abs(datafit.null_gradient).max())
        residual, most = SOLVED * self.tol * largest, 100 * features * tasks
        ridge = 0.01 * datafit.largest_curvature() * np.eye(tasks)
        w, _ = conjugate_gradients(datafit, ridge, datafit.start, residual, most)
        square, mean_loss = float(np.mean(w**2)), datafit.null_value / tasks
        # Of constant targets all weights are zero, whatever the prices.
        alpha = self.sparsity * (square if square > 0 else 1.0)
        self.strength_ = self.ratio * (mean_loss if mean_loss > 0 else 1.0)
        while True:
            p = graphical_lasso(w.T @ w / features, alpha)
            w, _ = conjugate_gradients(datafit, self.strength_ * p, w, residual, most)
            self.task_precision_ = p
            price = alpha * np.abs(p).sum() - np.linalg.slogdet(p)[1]
            prior = float(np.vdot(w, w @ p)) + features * float(price)
            yield datafit.value_and_gradient(w)[0] + 0.5 * self.strength_ * prior, w
