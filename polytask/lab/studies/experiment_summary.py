"""What the runs of one variant of an experiment come to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from polytask.lab.metrics import Interval, delta_m, seed_interval
from polytask.lab.studies.outcome import Outcome

Metrics = Mapping[str, tuple[str, bool]]


@dataclass(frozen=True)
class VariantSummary:
    """Means over seeds, with 95 % intervals.

    Attributes:
        seeds: How many seeds were run.
        metrics: Task → interval of its primary metric.
        delta_m: Δm in percent against the baseline, over the seeds that both have;
            NaN where there is none, a metric is undefined or the baseline's is 0.
        gap: Generalization gap in percent: Δm of the training against the test
            metrics of the same run. Positive where training looks better than test.
        seconds: Mean wall-clock time of a training.
    """

    seeds: int
    metrics: dict[str, Interval]
    delta_m: Interval
    gap: Interval
    seconds: float


def summarize_variant(
    outcomes: Mapping[int, Outcome],
    baseline: Mapping[int, Outcome],
    metrics: Metrics,
    split: str,
    train_split: str,
) -> VariantSummary:
    """Return the summary of one variant.

    Δm and the gap are relative to the baseline's means over seeds, so that a seed on
    which the baseline does badly does not count for more than others.

    Args:
        outcomes: Seed → outcome of the variant.
        baseline: Seed → outcome of the baseline.
        metrics: Task → (primary metric, whether higher is better).
        split: The split to compare on.
        train_split: The split whose distance from `split` is the gap.

    Returns:
        The summary.
    """
    higher = {task: direction for task, (_, direction) in metrics.items()}
    own = _levels(outcomes, metrics, split)
    train = _levels(outcomes, metrics, train_split)
    theirs = _levels(baseline, metrics, split)
    scales = {t: sum(v[t] for v in theirs.values()) / len(theirs) for t in metrics}

    def change(values: dict[str, float], reference: dict[str, float]) -> float:
        # A task on which the baseline has nothing, as an accuracy of 0, has no ratio.
        if 0 in scales.values():
            return math.nan
        return delta_m(values, reference, higher, scales)

    paired = [change(own[seed], theirs[seed]) for seed in own if seed in theirs]
    gaps = [change(train[seed], own[seed]) for seed in own]
    return VariantSummary(
        seeds=len(outcomes),
        metrics={t: _interval([v[t] for v in own.values()]) for t in metrics},
        delta_m=_interval(paired),
        gap=_interval(gaps),
        seconds=sum(o.seconds for o in outcomes.values()) / len(outcomes),
    )


def _levels(
    outcomes: Mapping[int, Outcome], metrics: Metrics, split: str
) -> dict[int, dict[str, float]]:
    """Return seed → task → primary metric."""
    return {
        seed: {t: outcome.value(split, t, name) for t, (name, _) in metrics.items()}
        for seed, outcome in outcomes.items()
    }


def _interval(values: list[float]) -> Interval:
    if not values or any(map(math.isnan, values)):
        return Interval(math.nan, math.nan, math.nan)
    return seed_interval(values)
