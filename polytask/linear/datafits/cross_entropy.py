"""The cross-entropy of binary and multiclass tasks."""

import itertools

import numpy as np

from polytask.linear.datafits.datafit import Datafit, spectral_bound


class CrossEntropy(Datafit):
    """Σ_t (a_t/n_t) Σ_i of the logistic or softmax loss of example i in task t.

    A binary task has one column, the log-odds of its second class; a task of K > 2
    classes has K columns. With intercepts, the last row of W belongs to a constant
    input.

    Args:
        xs: Inputs of each task (examples, features).
        codes: Class of each example, 0 to K - 1, for each task.
        widths: Columns of each task.
        weights: a_t / n_t, array (tasks,).
        rows: Weight of each example, above 0, for each task.
        constant: Value of the constant input, or None without intercepts.
    """

    def __init__(
        self,
        xs: list[np.ndarray],
        codes: list[np.ndarray],
        widths: list[int],
        weights: np.ndarray,
        rows: list[np.ndarray],
        constant: float | None,
    ) -> None:
        if constant is not None:
            xs = [np.column_stack([x, np.full(len(x), constant)]) for x in xs]
        self.xs, self.codes, self.weights, self.rows = xs, codes, weights, rows
        ends = np.cumsum([0, *widths])
        self.columns = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self.widths = widths
        self.shape = (xs[0].shape[1], int(ends[-1]))
        self.start = np.zeros(self.shape)
        if constant is not None:
            self.start[-1] = np.concatenate(
                [
                    _prior(code, s, width) / constant
                    for code, s, width in zip(codes, rows, widths, strict=True)
                ]
            )
        self._lipschitz: float | None = None
        self.null_value, self.null_gradient = self.value_and_gradient(self.start)

    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at W."""
        total, gradient = 0.0, np.empty(self.shape)
        for x, code, c, s, columns in zip(
            self.xs, self.codes, self.weights, self.rows, self.columns, strict=True
        ):
            scores = x @ w[:, columns]
            losses, slopes = _losses(scores, code)
            total += c * float(s @ losses)
            gradient[:, columns] = c * (x.T @ (s[:, None] * slopes))
        return total, gradient

    def lipschitz(self) -> float:
        """Return the largest curvature: ¼ or ½ of that of the squared error."""
        if self._lipschitz is None:
            self._lipschitz = max(
                c
                * spectral_bound(x * np.sqrt(s)[:, None]) ** 2
                * (0.25 if width == 1 else 0.5)
                for x, c, s, width in zip(
                    self.xs, self.weights, self.rows, self.widths, strict=True
                )
            )
        return self._lipschitz

    def largest_curvature(self) -> float:
        """Return the largest second derivative by a single weight, ¼ Σ x²."""
        return max(
            0.25 * float(c * np.einsum("i,ij,ij->j", s, x, x).max())
            for x, c, s in zip(self.xs, self.weights, self.rows, strict=True)
        )


def _prior(code: np.ndarray, rows: np.ndarray, width: int) -> np.ndarray:
    """Return the scores that predict the classes' shares."""
    counts = np.bincount(code, weights=rows, minlength=max(width, 2))
    logs = np.log(counts)
    return logs[1:] - logs[:1] if width == 1 else logs - logs.mean()


def _losses(scores: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each example's loss, and its derivative by the scores."""
    if scores.shape[1] == 1:
        z = scores[:, 0]
        losses = np.logaddexp(0.0, z) - code * z
        return losses, (_sigmoid(z) - code)[:, None]
    rows = np.arange(len(code))
    shifted = scores - scores.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1)
    slopes = exponentials / sums[:, None]
    losses = np.log(sums) - shifted[rows, code]
    slopes[rows, code] -= 1.0
    return losses, slopes


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)) without overflow."""
    sigmoid: np.ndarray = 0.5 * (1.0 + np.tanh(0.5 * z))
    return sigmoid
