"""The arms across data sets: means, ranks and a mixed model."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from analysis import Effect
from scipy import optimize, stats

from polytask.lab.metrics import seed_interval


@dataclass(frozen=True)
class Overall:
    """An arm across data sets.

    Args:
        arm: Its name.
        interval: Mean of the data sets' Δm, and the ends of Student's interval.
        rank: Mean rank among the arms, 1 is the best; NaN where it was not ranked.
        mixed: Of the mixed model, see `mixed_model`.
        better: On how many data sets it is better than none.
        worse: On how many it is worse.
        data: On how many it was measured.
    """

    arm: str
    interval: tuple[float, float, float]
    rank: float
    mixed: tuple[float, float, float]
    better: int
    worse: int
    data: int


@dataclass(frozen=True)
class Ranking:
    """Arms ranked on every data set.

    Args:
        ranks: Arm → mean rank, the best first.
        p_value: Of arms that are all alike, by Friedman's test.
        distance: Two mean ranks that are less apart are not told apart (Nemenyi).
        data: Number of data sets.
    """

    ranks: Mapping[str, float]
    p_value: float
    distance: float
    data: int

    def groups(self) -> list[list[str]]:
        """Return the largest groups of arms that are not told apart."""
        names = list(self.ranks)
        found: list[list[str]] = []
        for i, name in enumerate(names):
            near = [
                n for n in names[i:] if self.ranks[n] - self.ranks[name] < self.distance
            ]
            if len(near) > 1 and not (found and near[-1] == found[-1][-1]):
                found.append(near)
        return found


def ranking(scores: pd.DataFrame) -> Ranking:
    """Return the mean ranks of arms, and how far apart they have to be.

    Args:
        scores: Rows are data sets, columns arms, more is better, nothing is missing.

    Source:
        Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR
        2006.
    """
    data, arms = scores.shape
    ranks = scores.rank(axis=1, ascending=False).mean().sort_values()
    p_value = float(stats.friedmanchisquare(*scores.to_numpy().T).pvalue)
    q = float(stats.studentized_range.ppf(0.95, arms, np.inf)) / math.sqrt(2)
    distance = q * math.sqrt(arms * (arms + 1) / (6 * data))
    return Ranking(dict(ranks.items()), p_value, distance, data)


def overall(effects: Iterable[Effect], ranks: Mapping[str, float]) -> list[Overall]:
    """Return each arm across data sets, the largest mean first."""
    known = list(effects)
    mixed = mixed_model([(e.data, e.arm, e.mean) for e in known])
    by_arm: dict[str, list[Effect]] = {}
    for effect in known:
        by_arm.setdefault(effect.arm, []).append(effect)
    rows = [
        Overall(
            arm,
            _over_data([effect.mean for effect in own]),
            ranks.get(arm, math.nan),
            mixed[arm],
            sum(effect.verdict == "better" for effect in own),
            sum(effect.verdict == "worse" for effect in own),
            len(own),
        )
        for arm, own in by_arm.items()
    ]
    return sorted(rows, key=lambda row: -row.interval[0])


def _over_data(means: Sequence[float]) -> tuple[float, float, float]:
    """Return a mean with Student's interval; two data sets have none to speak of."""
    if len(means) < 3:
        return (float(np.mean(means)), math.nan, math.nan)
    return tuple(seed_interval(means))


#: Percent at which the mixed model clips Δm, so that no data set decides alone.
CLIP = 10.0


def mixed_model(
    changes: Sequence[tuple[str, str, float]],
) -> dict[str, tuple[float, float, float]]:
    """Return the effects of the arms where not every data set has every arm.

    A change is the fixed effect of its arm, a random one of its data set, and an error;
    the variances are those of REML.

    Args:
        changes: Data set, arm and Δm in percent, which is clipped at `CLIP`.

    Returns:
        Arm → estimate, and the ends of the 95 % interval by Student's t with as many
        degrees of freedom as a fixed effect of the data sets would leave.

    Source:
        Patterson, Thompson, "Recovery of Inter-Block Information when Block Sizes Are
        Unequal", Biometrika 1971.
    """
    data, arms, values = zip(*changes, strict=True)
    y = np.clip(values, -CLIP, CLIP)
    x = pd.get_dummies(pd.Series(arms)).astype(float)
    blocks = pd.get_dummies(pd.Series(data)).to_numpy(float)
    fixed = x.to_numpy()

    def fit(ratio: float) -> tuple[float, np.ndarray, np.ndarray]:
        spread = np.eye(len(y)) + ratio * blocks @ blocks.T
        weighted = np.linalg.solve(spread, fixed)
        precision = fixed.T @ weighted
        estimate = np.linalg.solve(precision, weighted.T @ y)
        rest = y - fixed @ estimate
        left = len(y) - fixed.shape[1]
        variance = rest @ np.linalg.solve(spread, rest) / left
        halves = (np.linalg.slogdet(m)[1] for m in (spread, precision))
        deviance = left * math.log(variance) + sum(halves)
        return deviance, estimate, variance * np.linalg.inv(precision)

    found = optimize.minimize_scalar(
        lambda root: fit(root**2)[0], bounds=(0.0, 10.0), method="bounded"
    )
    _, estimate, covariance = fit(found.x**2)
    freedom = len(y) - fixed.shape[1] - (blocks.shape[1] - 1)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(np.diag(covariance))
    return {
        arm: (float(mean), float(mean - h), float(mean + h))
        for arm, mean, h in zip(x.columns, estimate, half, strict=True)
    }
