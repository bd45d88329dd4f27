"""The arms across data sets: means, and ranks with their critical difference."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from analysis import Effect
from scipy import stats

from polytask.lab.metrics import seed_interval


@dataclass(frozen=True)
class Overall:
    """An arm across data sets.

    Args:
        arm: Its name.
        interval: Mean of the data sets' Δm, and the ends of Student's interval.
        rank: Mean rank among the arms, 1 is the best; NaN where it was not ranked.
        better: On how many data sets it is better than none.
        worse: On how many it is worse.
        data: On how many it was measured.
    """

    arm: str
    interval: tuple[float, float, float]
    rank: float
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
    by_arm: dict[str, list[Effect]] = {}
    for effect in effects:
        by_arm.setdefault(effect.arm, []).append(effect)
    rows = [
        Overall(
            arm,
            _over_data([effect.mean for effect in own]),
            ranks.get(arm, math.nan),
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
