"""The metrics of tasks: one number about the predictions of labeled rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from polytask.lab.reliability import calibration_error
from polytask.metric_direction import higher_is_better

Weight = np.ndarray | None
Compute = Callable[[np.ndarray, np.ndarray, Weight], float]


class UndefinedMetricError(ValueError):
    """A metric has no value on these labels; the message says why."""


@dataclass(frozen=True)
class Metric:
    """One number about predictions.

    Args:
        name: Such as `"auc"`; `polytask.metric_direction` knows which way it goes.
        label: The name for readers, such as `"AUC"`.
        compute: Function of labels, predictions and weights, labeled rows only.
            Binary: 0/1 and the probability of 1, both (rows,). Classes: codes (rows,)
            and probabilities (rows, classes). Numbers: values (rows,). Weights: (rows,)
            above 0, or None where all rows count alike.

    Example:
        >>> RMSE.name, RMSE.higher_is_better
        ('rmse', False)
    """

    name: str
    label: str
    compute: Compute = field(repr=False)

    @property
    def higher_is_better(self) -> bool:
        """The direction; it drives Δm and reports."""
        return bool(higher_is_better(self.name))


def log_loss(y: np.ndarray, p: np.ndarray, weight: Weight = None) -> float:
    """Mean cross-entropy in nats, probabilities clipped at float32 precision."""
    probability = _columns(p)[np.arange(len(y)), y.astype(np.int64)]
    tiny = np.finfo(np.float32).eps
    return _mean(-np.log(np.clip(probability, tiny, 1 - tiny)), weight)


def _columns(p: np.ndarray) -> np.ndarray:
    p = p.astype(np.float64)
    return np.stack([1 - p, p], axis=1) if p.ndim == 1 else p


def _auc(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    if p.ndim > 1:
        return _one_against_the_rest_auc(y, p, weight)
    if (y == y[0]).all():
        raise UndefinedMetricError(
            f"all {len(y)} labels are {'positive' if y[0] else 'negative'}"
        )
    return _rank_auc(y > 0.5, p, weight)


def _one_against_the_rest_auc(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    """Average the AUC of each class over the classes."""
    absent = np.setdiff1d(np.arange(p.shape[1]), y)
    if absent.size:
        raise UndefinedMetricError(
            f"{absent.size} of {p.shape[1]} classes have no labeled row"
        )
    classes = range(p.shape[1])
    return float(np.mean([_rank_auc(y == k, p[:, k], weight) for k in classes]))


def _rank_auc(positive: np.ndarray, score: np.ndarray, weight: Weight) -> float:
    """Mann-Whitney: the share of (positive, negative) pairs in order, ties half.

    scikit-learn's `roc_auc_score` spends milliseconds on checks, which adds up when
    every epoch is evaluated.
    """
    _, place = np.unique(score, return_inverse=True)
    weight = np.ones(len(score)) if weight is None else weight
    gains = np.bincount(place, weight * positive)
    losses = np.bincount(place, weight * ~positive)
    wins = gains @ (np.cumsum(losses) - losses / 2)
    return float(wins / (gains.sum() * losses.sum()))


def _accuracy(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    if p.ndim > 1:
        return _mean(p.argmax(axis=1) == y, weight)
    return _mean((p >= 0.5) == (y > 0.5), weight)


def _rmse(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    return float(np.sqrt(_mean(np.square(_difference(y, p)), weight)))


def _mae(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    return _mean(np.abs(_difference(y, p)), weight)


def _r2(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    y = y.astype(np.float64)
    spread = _mean(np.square(y - _mean(y, weight)), weight)
    if (y == y[0]).all():
        raise UndefinedMetricError(f"all {len(y)} labels are equal")
    return 1 - _mean(np.square(_difference(y, p)), weight) / spread


def poisson_deviance(y: np.ndarray, p: np.ndarray, weight: Weight = None) -> float:
    """Mean deviance of counts: twice the log-likelihood lost to perfect predictions."""
    y = y.astype(np.float64)
    p = np.maximum(p.astype(np.float64), np.finfo(np.float32).tiny)
    # The limit of y log(y) at 0 is 0.
    logs = y * np.log(np.where(y > 0, y, 1.0) / p)
    return 2 * _mean(np.where(y > 0, logs, 0.0) - y + p, weight)


def _log_rmse(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    # A model that does not know of logarithms may predict numbers below 0.
    p = np.maximum(p.astype(np.float64), np.finfo(np.float32).tiny)
    return _rmse(np.log(y.astype(np.float64)), np.log(p), weight)


def median_class(p: np.ndarray) -> np.ndarray:
    """Return the median of each row's distribution over ordered classes."""
    codes: np.ndarray = (np.cumsum(p, axis=1) < 0.5).sum(axis=1)
    return np.minimum(codes, p.shape[1] - 1)


def _rank_mae(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    return _mae(y, median_class(p), weight)


def _kappa(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    """Cohen's kappa with quadratic weights: 1 − observed / expected disagreement."""
    if (y == y[0]).all():
        raise UndefinedMetricError(f"all {len(y)} labels are equal")
    codes = median_class(p).astype(np.float64)
    y = y.astype(np.float64)
    middles = [_mean(each, weight) for each in (y, codes)]
    expected = np.square(middles[0] - middles[1])
    for each, middle in zip((y, codes), middles, strict=True):
        expected += _mean(np.square(each - middle), weight)
    return float(1 - _mean(np.square(y - codes), weight) / expected)


def _median_accuracy(y: np.ndarray, p: np.ndarray, weight: Weight) -> float:
    return _mean(median_class(p) == y, weight)


def _mean(values: np.ndarray, weight: Weight) -> float:
    return float(np.average(values, weights=weight))


def _difference(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return cast(np.ndarray, y.astype(np.float64) - p.astype(np.float64))


AUC = Metric("auc", "AUC", _auc)
ACCURACY = Metric("accuracy", "accuracy", _accuracy)
LOG_LOSS = Metric("log_loss", "log loss", log_loss)
RMSE = Metric("rmse", "RMSE", _rmse)
MAE = Metric("mae", "MAE", _mae)
R2 = Metric("r2", "R²", _r2)
POISSON_DEVIANCE = Metric("poisson_deviance", "Poisson deviance", poisson_deviance)
LOG_RMSE = Metric("log_rmse", "RMSE of logarithms", _log_rmse)
RANK_MAE = Metric("rank_mae", "MAE in ranks", _rank_mae)
RANK_ACCURACY = Metric("accuracy", "accuracy", _median_accuracy)
CALIBRATION_ERROR = Metric("ece", "calibration error", calibration_error)
KAPPA = Metric("kappa", "weighted κ", _kappa)
