"""How sure a mean over repeats is, where the repeats share rows."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtr

from polytask.errors import UserError
from polytask.lab.metrics.seed_interval import Interval, t_interval


def repeat_interval(
    values: Sequence[float], test_ratio: float, confidence: float = 0.95
) -> Interval:
    """Return the corrected resampled t interval of a mean over random splits.

    Training sets of different splits overlap, so that differences measured on them are
    not independent and the usual interval is too short. The variance of the mean is
    taken as (1/J + test_ratio) s² instead of s²/J.

    Args:
        values: One per repeat: a paired difference, such as Δm.
        test_ratio: Test rows divided by training rows. 0 where the split is fixed and
            only seeds vary, which gives Student's interval.
        confidence: Between 0 and 1.

    Returns:
        Mean, low end, high end. One value has no interval: its ends are NaN.

    Raises:
        UserError: If there is no value, or an argument is out of range.

    Source:
        Nadeau, Bengio, "Inference for the Generalization Error", Machine Learning 2003.

    Example:
        >>> [round(x, 3) for x in repeat_interval([1.0, 2.0, 3.0], test_ratio=1 / 3)]
        [2.0, -1.513, 5.513]
    """
    if not 0 < confidence < 1:
        raise UserError(f"confidence must lie in (0, 1); found {confidence!r}.")
    mean, error, freedom = _moments(values, test_ratio)
    if not freedom:
        return Interval(mean, math.nan, math.nan)
    return t_interval(mean, error, freedom, confidence)


def repeat_p_value(values: Sequence[float], test_ratio: float) -> float:
    """Return the two-sided p-value of a mean of zero, by the corrected resampled t.

    Args:
        values: As for `repeat_interval`.
        test_ratio: As for `repeat_interval`.

    Returns:
        The p-value; NaN for a single value, 1 where all values are 0.

    Raises:
        UserError: As `repeat_interval`.

    Source:
        Nadeau, Bengio, "Inference for the Generalization Error", Machine Learning 2003.

    Example:
        >>> round(repeat_p_value([1.0, 2.0, 3.0], test_ratio=0.0), 3)
        0.074
    """
    return _p_value(*_moments(values, test_ratio), tails=2)


def equivalence_p_value(
    values: Sequence[float], test_ratio: float, margin: float
) -> float:
    """Return the p-value of a mean as far from zero as `margin`: two one-sided tests.

    A small value allows to say "no difference that matters"; that an interval covers
    zero does not.

    Args:
        values: As for `repeat_interval`.
        test_ratio: As for `repeat_interval`.
        margin: The smallest difference that matters, above 0.

    Returns:
        The larger of the two p-values; NaN for a single value.

    Raises:
        UserError: As `repeat_interval`, or if the margin is not positive.

    Source:
        Schuirmann, "A comparison of the Two One-Sided Tests Procedure and the Power
        Approach for Assessing the Equivalence of Average Bioavailability", Journal of
        Pharmacokinetics and Biopharmaceutics 1987.

    Example:
        >>> equivalence_p_value([0.1, -0.1, 0.0, 0.1], 0.0, margin=1.0) < 0.001
        True
    """
    if not margin > 0:
        raise UserError(f"The margin of equivalence must be positive; found {margin}.")
    mean, error, freedom = _moments(values, test_ratio)
    return _p_value(abs(mean) - margin, error, freedom, tails=1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, by Holm's step-down procedure.

    Args:
        p_values: One per comparison; NaN (no test was possible) stays NaN and is not
            counted.

    Returns:
        Adjusted values in the given order; those below α are significant with a
        family-wise error of α.

    Source:
        Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian
        Journal of Statistics 1979.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    tested = [i for i, p in enumerate(p_values) if not math.isnan(p)]
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(tested, key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(tested) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def _moments(values: Sequence[float], test_ratio: float) -> tuple[float, float, int]:
    """Return mean, its corrected standard error and the degrees of freedom."""
    if not len(values):
        raise UserError("A mean over repeats needs at least one value; found none.")
    if not (math.isfinite(test_ratio) and test_ratio >= 0):
        raise UserError(f"test_ratio must be a number from 0; found {test_ratio!r}.")
    array = np.asarray(values, dtype=np.float64)
    mean, freedom = float(array.mean()), len(array) - 1
    if not freedom:
        return mean, math.nan, 0
    error = float(array.std(ddof=1)) * math.sqrt(1 / len(array) + test_ratio)
    return mean, error, freedom


def _p_value(distance: float, error: float, freedom: int, tails: int) -> float:
    if not freedom:
        return math.nan
    if not error:
        # Repeats that agree to the last bit leave no doubt.
        undecided = not distance if tails == 2 else distance >= 0
        return float(undecided)
    t = distance / error
    return float(2 * stdtr(freedom, -abs(t)) if tails == 2 else stdtr(freedom, t))
