"""A basis of tasks of which every task is a sparse combination."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from polytask._checks import checked_count
from polytask.errors import UserError
from polytask.linear.alternation import SOLVED, AlternatingRegression
from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.datafits.squares import GramSquares
from polytask.linear.penalties import EntryNorm
from polytask.linear.solvers.conjugate_gradients import conjugate_gradients
from polytask.linear.solvers.problem import Problem
from polytask.linear.solvers.solve import solve
from polytask.linear.structure import DEFAULT_RATIO


class LatentBasisRegressor(AlternatingRegression):
    """Σ_t L_t(L s_t) + λ (Σ|S| + ½‖L‖²) over L and S: GO-MTL.

    The weights W = L S of every task combine a few of the `components` columns of L:
    tasks that share columns form groups, which may overlap. L_t is half the mean
    squared error of task t. The two prices of the paper, μ Σ|S| and ν ‖L‖², have the
    same minimum W for all μ² ν that are equal, because scale can be moved from L to S,
    so there is one strength: λ³ = 2 μ² ν.

    Basis and codes are minimized in turn, from the leading singular vectors of the
    tasks' own ridge fits on. The objective falls to a local minimum.

    Args:
        components: Number of columns of L, at least 1.
        strength: λ, above 0. Defaults to None: set by `ratio`.
        ratio: λ as a fraction of g^(4/3) / c^(1/3), with g the largest singular value
            of the gradient at W = 0 and c the largest curvature by a weight; near 1 all
            weights are zero. Defaults to None: 0.1 where there is no `strength`.
        fit_intercept: Whether each task has an unpenalized intercept. Defaults to True.
        task_weights: As in `MultiTaskRegressor`. Defaults to `"equal"`.
        tol: Least fall of the objective in a turn, as a fraction of the first.
            Defaults to 1e-4.
        max_iter: Largest number of turns. Defaults to 200.

    Attributes:
        coef_, intercept_, n_tasks_, n_features_in_: As in `MultiTaskRegressor`.
        basis_: L (features, components).
        codes_: S (components, tasks).
        strength_: λ.
        objective_: The minimum.
        objectives_: The objective after each turn.
        n_iter_: Number of turns.

    Source:
        Kumar and Daumé, "Learning Task Grouping and Overlap in Multi-task Learning",
        ICML 2012.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).standard_normal((40, 4))
        >>> y = np.stack([x[:, 0], 2 * x[:, 0], x[:, 1], x[:, 0] + x[:, 1]], axis=1)
        >>> model = LatentBasisRegressor(2, ratio=0.01).fit(x, y)
        >>> int(np.linalg.matrix_rank(model.coef_))
        2
    """

    def __init__(
        self,
        components: int = 2,
        *,
        strength: float | None = None,
        ratio: float | None = None,
        fit_intercept: bool = True,
        task_weights: str = "equal",
        tol: float = 1e-4,
        max_iter: int = 200,
    ) -> None:
        self.components = components
        self.strength = strength
        self.ratio = ratio
        self.fit_intercept = fit_intercept
        self.task_weights = task_weights
        self.tol = tol
        self.max_iter = max_iter

    def _check_options(self) -> None:
        super()._check_options()
        checked_count(self.components, "components", type(self).__name__)

    def _chosen_strength(self, datafit: QuadraticDatafit) -> float:
        if self.strength is not None and self.ratio is not None:
            raise UserError(
                f"Pass either strength or ratio; found strength={self.strength!r} and "
                f"ratio={self.ratio!r}."
            )
        ratio = DEFAULT_RATIO if self.ratio is None else self.ratio
        for name, value in (("strength", self.strength), ("ratio", ratio)):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise UserError(f"{name} must be above 0 and finite; found {value!r}.")
        if self.strength is not None:
            return float(self.strength)
        size = float(np.linalg.norm(datafit.null_gradient, 2))
        curvature = datafit.largest_curvature()
        if size == 0 or curvature == 0:
            return 1.0
        return float(ratio * size ** (4 / 3) / curvature ** (1 / 3))

    def _turns(self, datafit: QuadraticDatafit) -> Iterator[tuple[float, np.ndarray]]:
        self.strength_ = self._chosen_strength(datafit)
        basis, codes = self._first(datafit)
        while True:
            codes = self._codes(datafit, basis, codes)
            basis = self._basis(datafit, basis, codes)
            self.basis_, self.codes_ = basis, codes
            w = basis @ codes
            price = np.abs(codes).sum() + 0.5 * np.vdot(basis, basis)
            value = datafit.value_and_gradient(w)[0]
            yield value + self.strength_ * float(price), w

    def _first(self, datafit: QuadraticDatafit) -> tuple[np.ndarray, np.ndarray]:
        features, tasks = datafit.shape
        # A hundredth of the curvature: enough that every task has one minimum.
        ridge = 0.01 * datafit.largest_curvature() * np.eye(tasks)
        largest = float(np.abs(datafit.null_gradient).max())
        alone, _ = conjugate_gradients(
            datafit,
            ridge,
            datafit.start,
            1e-6 * largest,
            max_iter=10 * features * tasks,
        )
        u, s, vt = np.linalg.svd(alone, full_matrices=False)
        count = min(self.components, s.size)
        # Cheap where Σ|s| and ‖l‖² of a component are equal.
        scale = np.cbrt(np.maximum(s[:count], 0.0))
        basis = np.zeros((features, self.components))
        codes = np.zeros((self.components, tasks))
        basis[:, :count] = u[:, :count] * scale
        codes[:count] = vt[:count] * (scale**2)[:, None]
        return basis, codes

    def _codes(
        self, datafit: QuadraticDatafit, basis: np.ndarray, codes: np.ndarray
    ) -> np.ndarray:
        """Return the best S for a basis: a lasso for each task."""
        every = np.arange(datafit.shape[0])
        gram = basis.T @ datafit.gram(every) @ basis
        small = GramSquares(gram, basis.T @ datafit.cross_term, datafit.null_values)
        problem = Problem(small, EntryNorm(self.strength_))
        start = problem.state(codes)
        solved = solve(problem, start, SOLVED * self.tol, max_iter=10_000)
        return solved.state.variable

    def _basis(
        self, datafit: QuadraticDatafit, basis: np.ndarray, codes: np.ndarray
    ) -> np.ndarray:
        """Return the best L for the codes: one linear system."""

        def product(flat: np.ndarray) -> np.ndarray:
            change = flat.reshape(basis.shape)
            gradient = datafit.value_and_gradient(change @ codes)[1]
            moved = (gradient + datafit.cross_term) @ codes.T
            return (moved + self.strength_ * change).ravel()

        operator = LinearOperator((basis.size, basis.size), product, dtype=float)
        right = (datafit.cross_term @ codes.T).ravel()
        found, _ = cg(
            operator,
            right,
            x0=basis.ravel(),
            rtol=SOLVED * self.tol,
            maxiter=10 * basis.size,
        )
        return found.reshape(basis.shape)
