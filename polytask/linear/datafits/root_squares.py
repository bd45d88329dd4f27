"""The root of each task's squares, whose best strength does not depend on its noise."""

import numpy as np

from polytask.linear.datafits.datafit import Datafit, QuadraticDatafit
from polytask.linear.datafits.weighted import weighted_tasks

# Errors below this fraction of that of the mean are not told from it.
_LEAST = 1e-3


class RootSquares(Datafit):
    """Σ_t √(2 L_t(w_t)), for the half mean squared errors L_t of another datafit.

    A root is the minimum over σ of L / σ + σ / 2, at σ = √(2 L), the noise of the task.
    Noise is at least a thousandth of what it is at W = 0: below that the loss is the
    quadratic one with this σ, so that a task that is fitted exactly has a gradient.

    Args:
        squares: L_t.

    Source:
        Ndiaye, Fercoq, Gramfort, Leclère and Salmon, "Efficient Smoothed Concomitant
        Lasso Estimation for High Dimensional Regression", J. Phys. Conf. Ser. 2017 (the
        least noise).
    """

    def __init__(self, squares: QuadraticDatafit) -> None:
        self.squares, self.shape = squares, squares.shape
        self.start = squares.start
        null = np.sqrt(2.0 * squares.null_values)
        # A task with constant targets is fitted at W = 0 and stays there.
        self.null_noise = np.where(null > 0, null, 1.0)
        self.least = _LEAST * self.null_noise
        self.null_value, self.null_gradient = self.value_and_gradient(self.start)

    def noise(self, w: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return σ_t.

        Args:
            w: W.
            gradient: The gradient of Σ L_t there.
        """
        values = self.squares.column_values(w, gradient)
        return np.maximum(np.sqrt(2.0 * values), self.least)

    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at W."""
        _, gradient = self.squares.value_and_gradient(w)
        values, noise = self.squares.column_values(w, gradient), self.noise(w, gradient)
        return float(np.sum(values / noise + 0.5 * noise)), gradient / noise

    def at(self, w: np.ndarray) -> QuadraticDatafit:
        """Return Σ_t L_t / σ_t, with the noise at W."""
        _, gradient = self.squares.value_and_gradient(w)
        return weighted_tasks(self.squares, 1.0 / self.noise(w, gradient))

    def dual_value(self, w: np.ndarray, scale: float) -> float:
        """Return a lower bound of the minimum of loss plus norm.

        Args:
            w: W; its residuals over the noise are the dual point.
            scale: What makes the dual point feasible: 1 over the dual norm of the
                gradient, at most 1.
        """
        _, gradient = self.squares.value_and_gradient(w)
        noise = self.noise(w, gradient)
        lengths = 2.0 * self.squares.column_values(w, gradient)
        products = lengths - np.einsum("ij,ij->j", w, gradient)
        # Where noise is above its least value the dual vector has length 1.
        slack = 0.5 * self.least * (1.0 - scale**2 * lengths / noise**2)
        return float(np.sum(scale * products / noise + slack))

    def lipschitz(self) -> float:
        """Return the largest curvature at W = 0, the scale of the loss."""
        return self.squares.lipschitz() / float(self.null_noise.min())

    def largest_curvature(self) -> float:
        """Return the largest second derivative by a single weight at W = 0."""
        return self.squares.largest_curvature() / float(self.null_noise.min())
