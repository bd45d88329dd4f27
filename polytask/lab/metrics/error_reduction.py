"""The share of the baselines' error that is gone."""

import math
from collections.abc import Mapping


def error_reduction(
    values: Mapping[str, float],
    baselines: Mapping[str, float],
    higher_is_better: Mapping[str, bool],
) -> float:
    """Return by how many percent the error falls, as a mean over tasks.

    Δm hides what is left to gain: from an AUC of .990 to .995 is half a percent of AUC,
    but half of the error is gone. The error is the metric itself where less is better,
    and 1 − metric where more is.

    Args:
        values: Task → metric of the multi-task model.
        baselines: Task → the same metric of the task's single-task model.
        higher_is_better: Task → direction of its metric; 1 is a perfect value where
            more is better, 0 where less is.

    Returns:
        The mean in percent; NaN where a metric is NaN or above its perfect value, or a
        baseline makes no error.

    Example:
        >>> round(error_reduction({"a": 0.995}, {"a": 0.990}, {"a": True}))
        50
    """
    total = 0.0
    for task, value in values.items():
        higher = higher_is_better[task]
        ours, theirs = (1 - one if higher else one for one in (value, baselines[task]))
        if not (ours >= 0 and theirs > 0):
            return math.nan
        total += (theirs - ours) / theirs
    return 100 * total / len(values)
