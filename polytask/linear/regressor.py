"""Linear regression of several tasks with a task structure."""

from typing import Any

from polytask.errors import UserError
from polytask.linear.datafits.datafit import Datafit
from polytask.linear.datafits.root_squares import RootSquares
from polytask.linear.regression import LinearRegression
from polytask.linear.samples import Samples, read_samples
from polytask.linear.squares import Squares, make_squares
from polytask.linear.structure import Structure
from polytask.regularizers.concave import HasTangents


class MultiTaskRegressor(LinearRegression):
    """Σ_t ½ mean (y_t - X_t w_t - b_t)² + Ω(W), minimized exactly.

    The loss of a task is half its mean squared error over its labeled examples, so
    that with common inputs `strength` is scikit-learn's `alpha` of `Lasso`,
    `MultiTaskLasso` and `MultiTaskElasticNet`, and `alpha / n_samples` of `Ridge`.

    Args:
        task_structure: A name, an instance or a configuration of
            `polytask.regularizers`: `"l21"`, `"l1"` (or `"lasso"`), `"l2"` (or
            `"ridge"`), `"elastic_net"`, `"multi_task_elastic_net"`, `"l1_inf"`,
            `"trace_norm"`, `"mean_regularized"`, `"dirty"`, `"robust_trace_norm"`,
            `GraphLaplacian(edges=...)`, ...; None for no penalty. Concave ones, such as
            `"capped_rows"`, are minimized in stages, each of which is convex. Defaults
            to `"l21"`.
        strength: λ, the first strength of the structure; others keep their ratio to
            it. Defaults to None: set by `ratio`.
        ratio: λ as a fraction of λ_max, from which on all weights are zero; for a
            structure without zeros, of the largest curvature of the loss. Defaults
            to None: an instance keeps its own strengths, a name gets 0.1.
        fit_intercept: Whether each task has an unpenalized intercept. Defaults to
            True.
        task_weights: `"equal"`: every task's mean counts alike; `"rows"`: every label
            counts alike. Defaults to `"equal"`.
        loss: `"squared"`: half the mean squared error of a task; `"root"`: its root
            mean squared error, so that tasks with more noise do not need a larger λ,
            for convex structures. Defaults to `"squared"`.
        tol: Largest accepted duality gap, as a fraction of the loss at W = 0; for
            structures without one, largest accepted residual of the optimality
            conditions, as a fraction of the largest gradient entry there. Defaults
            to 1e-6.
        max_iter: Largest number of iterations. Defaults to 10000.
        positive: Whether all weights are at least 0, for structures that depend on
            absolute values alone, such as `"l21"`, `"l1"` and `"l2"`. Defaults to
            False.
        warm_start: Whether `fit` begins at the weights of the last one. Defaults to
            False.

    Attributes:
        coef_: Weights (tasks, features); (features,) for one task as a vector.
        intercept_: Intercepts (tasks,), or a number.
        parts_: For `dirty` and the robust structures the two matrices that add up to
            the weights, each of the shape of `coef_`; else None.
        strength_: λ.
        dual_gap_: Duality gap in the unit of the objective; None where there is none.
        kkt_residual_: Residual of the optimality conditions, in the unit of the
            gradient; 0 exactly at the minimum.
        objective_: The minimum.
        n_iter_: Number of iterations.
        n_tasks_: Number of tasks.
        n_features_in_: Number of features.

    Example:
        >>> import numpy as np
        >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
        >>> y = np.stack([2 * x[:, 0], x[:, 0] + 1], axis=1)
        >>> y[0, 1] = np.nan
        >>> model = MultiTaskRegressor("l21", ratio=0.01).fit(x, y)
        >>> (model.coef_ != 0).tolist()
        [[True, False], [True, False]]
    """

    def __init__(
        self,
        task_structure: Any = "l21",
        *,
        strength: float | None = None,
        ratio: float | None = None,
        fit_intercept: bool = True,
        task_weights: str = "equal",
        loss: str = "squared",
        tol: float = 1e-6,
        max_iter: int = 10000,
        positive: bool = False,
        warm_start: bool = False,
    ) -> None:
        self.task_structure = task_structure
        self.strength = strength
        self.ratio = ratio
        self.fit_intercept = fit_intercept
        self.task_weights = task_weights
        self.loss = loss
        self.tol = tol
        self.max_iter = max_iter
        self.positive = positive
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MultiTaskRegressor":
        """Fit all tasks together.

        Args:
            X: Inputs (examples, features), or a list of such tables, one per task; a
                sparse one (CSR or CSC) is never made dense.
            y: Targets (examples,) or (examples, tasks), NaN where missing; for a list
                of tables, a list of vectors.
            sample_weight: Weight of each example in the mean of its task, at least 0,
                as if it stood there so often; for a list of tables, a list of such.

        Returns:
            The estimator.

        Raises:
            UserError: If an option or the task structure is not valid, or a task has
                no labels.
        """
        self._check_options()
        samples = read_samples(self, X, y, numeric=True, sample_weight=sample_weight)
        self._fit_samples(samples, self.strength, self.ratio)
        return self

    def _fit_samples(
        self, samples: Samples, strength: float | None, ratio: float | None
    ) -> None:
        squares = make_squares(samples, self.fit_intercept, self.task_weights)
        structure = self._structure(samples)
        datafit = self._datafit(squares)
        solution = self._solve(structure, datafit, strength, ratio)
        self._store(samples, squares, solution.state.variable)

    def _datafit(self, squares: Squares) -> Datafit:
        return RootSquares(squares.datafit) if self.loss == "root" else squares.datafit

    def _structure(self, samples: Samples) -> Structure:
        widths = [1] * len(samples.names)
        structure = Structure(
            self.task_structure, samples.names, widths, positive=self.positive
        )
        if self.loss == "root" and isinstance(structure.regularizer, HasTangents):
            raise UserError(
                f'loss="root" takes a convex structure; '
                f"{type(structure.regularizer).__name__} is not."
            )
        return structure
