"""The head of a new task on the trunk's features, by its exact minimum."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.linear_model import Ridge

# As Keras does: a probability of 0 would cost infinitely much.
_LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class Kind:
    """What a kind of task decides.

    Attributes:
        loss: Keras's name of the loss.
        activation: Of the head.
        dtype: Of the labels; floats mark a missing one by NaN, integers by -1.
    """

    loss: str
    activation: str | None
    dtype: str

    @property
    def has_classes(self) -> bool:
        """Whether labels are classes."""
        return self.activation is not None


#: Name → kind of a new task.
KINDS = {
    "binary": Kind("binary_crossentropy", "sigmoid", "float32"),
    "multiclass": Kind("sparse_categorical_crossentropy", "softmax", "int32"),
    "regression": Kind("mean_squared_error", None, "float32"),
}


class LinearHead(NamedTuple):
    """The weights of a dense layer.

    Attributes:
        kernel: (features, units).
        bias: (units,).
    """

    kernel: np.ndarray
    bias: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return (rows, units) outputs before the activation."""
        scores: np.ndarray = features @ self.kernel + self.bias
        return scores


def fit_linear_head(
    kind: Kind,
    features: np.ndarray,
    labels: np.ndarray,
    strength: float,
    anchor: LinearHead,
    free_bias: bool,
) -> LinearHead:
    """Return the head that minimizes the mean loss plus a distance, exactly.

    The objective is ½ mean (y - f)² or the mean cross-entropy, plus (λ/2) times the
    squared distance of the weights from the anchor.

    Args:
        kind: Of the task.
        features: (rows, features), all labeled.
        labels: (rows,), floats or class numbers.
        strength: λ.
        anchor: Where the weights are pulled to; its shape is that of the result.
        free_bias: Whether the biases are not pulled.
    """
    features = features.astype("float64")
    if not kind.has_classes:
        rest = labels - anchor.scores(features)[:, 0]
        ridge = Ridge(alpha=strength * len(labels), fit_intercept=free_bias)
        if free_bias:
            ridge.fit(features, rest)
            change = np.append(ridge.coef_, ridge.intercept_)[:, None]
        else:
            change = ridge.fit(_with_ones(features), rest).coef_[:, None]
    else:
        change = _fit_classes(features, labels, strength, anchor, free_bias)
    return LinearHead(anchor.kernel + change[:-1], anchor.bias + change[-1])


def _fit_classes(
    features: np.ndarray,
    labels: np.ndarray,
    strength: float,
    anchor: LinearHead,
    free_bias: bool,
) -> np.ndarray:
    """Return the (features + 1, units) way from the anchor to the minimum."""
    rows, units = len(labels), anchor.kernel.shape[1]
    offset = anchor.scores(features)
    inputs = _with_ones(features)
    pull = np.full((inputs.shape[1], 1), strength)
    pull[-1] = 0.0 if free_bias else strength
    targets = labels[:, None] if units == 1 else np.eye(units)[labels.astype(int)]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        change = flat.reshape(-1, units)
        scores = offset + inputs @ change
        if units == 1:
            loss = np.sum(np.logaddexp(0.0, scores) - targets * scores)
            error = expit(scores) - targets
        else:
            loss = -np.sum(targets * log_softmax(scores, axis=1))
            error = softmax(scores, axis=1) - targets
        value = loss / rows + 0.5 * np.sum(pull * change**2)
        return float(value), (inputs.T @ error / rows + pull * change).ravel()

    start = np.zeros(inputs.shape[1] * units)
    options = {"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-8}
    solution = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    change: np.ndarray = solution.x.reshape(-1, units)
    return change


def predictions(kind: Kind, scores: np.ndarray) -> np.ndarray:
    """Return (rows, units) outputs after the activation."""
    if kind.activation == "sigmoid":
        return np.asarray(expit(scores))
    if kind.activation == "softmax":
        return np.asarray(softmax(scores, axis=1))
    return scores


def row_losses(kind: Kind, labels: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return the (rows,) losses of outputs (rows, units) after the activation."""
    if not kind.has_classes:
        return np.asarray(np.square(labels - outputs[:, 0]))
    if kind.activation == "sigmoid":
        chosen = np.where(labels > 0.5, outputs[:, 0], 1.0 - outputs[:, 0])
    else:
        chosen = outputs[np.arange(len(labels)), labels.astype(int)]
    return np.asarray(-np.log(np.maximum(chosen, _LEAST_PROBABILITY)))


def _with_ones(features: np.ndarray) -> np.ndarray:
    return np.hstack([features, np.ones((len(features), 1))])
