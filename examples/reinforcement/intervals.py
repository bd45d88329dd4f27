"""Interquartile means with stratified bootstrap intervals, from few seeds.

Source: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical
Precipice". Their package, rliable, has had no release since 2024.
"""

import numpy as np
from scipy.stats import trim_mean

from polytask.lab.metrics.seed_interval import seed_interval


def interquartile_mean(scores: np.ndarray) -> float:
    """Return the mean of the middle half of all scores."""
    return float(trim_mean(np.ravel(scores), 0.25))


def bootstrap_interval(
    scores: np.ndarray, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return an interval of the interquartile mean.

    Args:
        scores: (seeds, tasks).
        level: Its level.
        draws: Number of bootstrap samples: in each, every task's seeds are drawn anew.
        seed: Of the draws.

    Returns:
        Its ends.
    """
    scores = np.asarray(scores, float)
    seeds, tasks = scores.shape
    rows = np.random.default_rng(seed).integers(seeds, size=(draws, seeds, tasks))
    drawn = np.take_along_axis(scores[None], rows, axis=1)
    means = trim_mean(drawn.reshape(draws, -1), 0.25, axis=1)
    tail = 50 * (1 - level)
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def shown(scores: np.ndarray, decimals: int = 3) -> str:
    """Return an interquartile mean with its interval, as text."""
    low, high = bootstrap_interval(scores)
    middle = interquartile_mean(scores)
    return f"{middle:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def apart(scores: np.ndarray, base: np.ndarray) -> str:
    """Return how many points of a hundred the mean is above another, as text.

    Args:
        scores: (seeds, tasks).
        base: (seeds, tasks) of the same seeds; with two or more of them Student's
            interval over the seeds is told.
    """
    return seed_interval(100 * (scores - base).mean(axis=1)).signed(1)
