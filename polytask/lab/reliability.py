"""Whether predicted probabilities are what is observed."""

from dataclasses import dataclass

import numpy as np

#: Bins of equal width between 0 and 1.
BINS = 10


@dataclass(frozen=True)
class Bin:
    """Predictions of about the same probability.

    Attributes:
        place: Number of the bin, from 0.
        rows: How many there are, or the sum of their weights.
        predicted: Their mean predicted probability.
        observed: The share of them that came true.
    """

    place: int
    rows: float
    predicted: float
    observed: float


def reliability(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, bins: int = BINS
) -> list[Bin]:
    """Return the bins of a reliability diagram that hold a row.

    Of two classes the probability is that of the second, of more that of the predicted
    class, which comes true where it is the label.

    Args:
        y: Labels (rows,), each one present.
        p: Probabilities (rows,) or (rows, classes).
        weight: How much each row counts (rows,); None where all count alike.
        bins: Number of bins of equal width.

    Returns:
        The bins, by rising probability.

    Source:
        DeGroot, Fienberg, "The Comparison and Evaluation of Forecasters", The
        Statistician 1983.

    Example:
        >>> y, p = np.array([0, 1, 1, 1]), np.array([0.1, 0.8, 0.9, 0.7])
        >>> [(b.place, b.rows, b.observed) for b in reliability(y, p, bins=2)]
        [(0, 1.0, 0.0), (1, 3.0, 1.0)]
    """
    p = p.astype(np.float64)
    sure, true = (p, y > 0.5) if p.ndim == 1 else (p.max(axis=1), p.argmax(axis=1) == y)
    counts = np.ones(len(y)) if weight is None else weight.astype(np.float64)
    places = np.minimum((sure * bins).astype(int), bins - 1)
    rows, predicted, observed = (
        np.bincount(places, counts * values, minlength=bins)
        for values in (np.ones(len(y)), sure, true)
    )
    return [
        Bin(
            int(place),
            float(rows[place]),
            float(predicted[place] / rows[place]),
            float(observed[place] / rows[place]),
        )
        for place in np.flatnonzero(rows)
    ]


def calibration_error(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """Return the expected calibration error: the bins' mean distance, by their rows.

    Args:
        y: As for `reliability`.
        p: As for `reliability`.
        weight: As for `reliability`.

    Source:
        Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using
        Bayesian Binning", AAAI 2015.

    Example:
        >>> round(calibration_error(np.array([0, 1]), np.array([0.25, 0.75])), 2)
        0.25
    """
    bins = reliability(y, p, weight)
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.predicted - one.observed) for one in bins) / rows
