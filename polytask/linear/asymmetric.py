"""Asymmetric transfer: tasks that are learned well give to those that are not."""

from collections.abc import Iterator

import numpy as np

from polytask._checks import checked_number
from polytask.linear.alternation import SOLVED, AlternatingRegression
from polytask.linear.datafits.datafit import QuadraticDatafit
from polytask.linear.datafits.weighted import weighted_tasks
from polytask.linear.solvers.conjugate_gradients import conjugate_gradients

# More would wait for weights that move in the next turn.
_SWEEPS = 10


class AsymmetricRegressor(AlternatingRegression):
    """Σ_t (1 + μ Σ_s B_ts) L_t(w_t) + (λ/2) ‖W - W B‖², over W and B ≥ 0: AMTL.

    Every task is near a sum of a few others, w_t ≈ Σ_s B_st w_s with B_tt = 0. What a
    task gives costs it its own loss, so a task that is learned badly gives little: the
    transfer has a direction. L_t is half the mean squared error of task t.

    Weights and transfer are minimized in turn, from no transfer on; that start is
    single-task ridge of the same strength. The objective falls to a local minimum.

    Args:
        strength: λ, above 0. Defaults to 0.1.
        cost: μ, above 0. Defaults to 0.1.
        fit_intercept: Whether each task has an unpenalized intercept. Defaults to True.
        task_weights: As in `MultiTaskRegressor`. Defaults to `"equal"`.
        tol: Least fall of the objective in a turn, as a fraction of the first.
            Defaults to 1e-4.
        max_iter: Largest number of turns. Defaults to 200.

    Attributes:
        coef_, intercept_, n_tasks_, n_features_in_: As in `MultiTaskRegressor`.
        transfer_: B (tasks, tasks); entry s, t is what task s gives to task t.
        objective_: The minimum.
        objectives_: The objective after each turn.
        n_iter_: Number of turns.

    Source:
        Lee, Yang and Hwang, "Asymmetric Multi-task Learning Based on Task Relatedness
        and Loss", ICML 2016.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).standard_normal((40, 3))
        >>> y = np.stack([x[:, 0], x[:, 0]], axis=1)
        >>> y[:, 1] += np.random.default_rng(1).standard_normal(40)
        >>> model = AsymmetricRegressor().fit(x, y)
        >>> bool(model.transfer_[0, 1] > model.transfer_[1, 0])
        True
    """

    def __init__(
        self,
        strength: float = 0.1,
        *,
        cost: float = 0.1,
        fit_intercept: bool = True,
        task_weights: str = "equal",
        tol: float = 1e-4,
        max_iter: int = 200,
    ) -> None:
        self.strength = strength
        self.cost = cost
        self.fit_intercept = fit_intercept
        self.task_weights = task_weights
        self.tol = tol
        self.max_iter = max_iter

    def _check_options(self) -> None:
        super()._check_options()
        for name in ("strength", "cost"):
            checked_number(getattr(self, name), name, type(self).__name__, above=0.0)

    def _turns(self, datafit: QuadraticDatafit) -> Iterator[tuple[float, np.ndarray]]:
        tasks = datafit.shape[1]
        w, b = datafit.start, np.zeros((tasks, tasks))
        while True:
            w = self._weights(datafit, w, b)
            _, gradient = datafit.value_and_gradient(w)
            losses = datafit.column_values(w, gradient)
            b = _transfer(w, b, self.cost * losses / self.strength)
            self.transfer_ = b
            missed = w - w @ b
            given = 1.0 + self.cost * b.sum(axis=1)
            yield (
                float(given @ losses + 0.5 * self.strength * np.vdot(missed, missed)),
                w,
            )

    def _weights(
        self, datafit: QuadraticDatafit, w: np.ndarray, b: np.ndarray
    ) -> np.ndarray:
        """Return the best W for a transfer B."""
        left = np.eye(len(b)) - b
        weighted = weighted_tasks(datafit, 1.0 + self.cost * b.sum(axis=1))
        largest = float(np.abs(datafit.null_gradient).max())
        found, _ = conjugate_gradients(
            weighted,
            self.strength * left @ left.T,
            w,
            SOLVED * self.tol * largest,
            max_iter=100 * w.size,
        )
        return found


def _transfer(w: np.ndarray, b: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Return argmin over B ≥ 0 with zero diagonal of ½‖W - W B‖² + Σ prices_s B_st.

    Row after row, each of which has a closed form for all columns at once.

    Args:
        w: W.
        b: The first B.
        prices: What task s pays for giving.
    """
    gram = w.T @ w
    b, curvatures = b.copy(), np.diag(gram)
    scale = float(curvatures.max())
    for _ in range(_SWEEPS):
        moved = 0.0
        for s in np.flatnonzero(curvatures > 0):
            slopes = gram[s] @ b - gram[s] + prices[s]
            row = np.maximum(b[s] - slopes / curvatures[s], 0.0)
            row[s] = 0.0
            moved = max(moved, curvatures[s] * float(np.abs(row - b[s]).max()))
            b[s] = row
        if moved <= 1e-6 * scale:
            break
    return b
