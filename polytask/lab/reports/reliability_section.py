"""Whether the probabilities of the plain and the best variant can be believed."""

from typing import Any

import pandas as pd

from polytask.lab.reports.charts.reliability_chart import reliability_chart
from polytask.lab.reports.numerals import number
from polytask.lab.reports.stored_study import StoredStudy
from polytask.lab.studies.schema import MULTI_TASK


def reliability_section(
    stored: StoredStudy, variants: list[str]
) -> dict[str, Any] | None:
    """Return a panel for each task with classes, None where nothing is stored.

    Args:
        stored: The study.
        variants: Names of the variants to compare.
    """
    panels = []
    for task in stored.tasks:
        curves = {name: _curve(stored, task.name, name) for name in variants}
        curves = {name: curve for name, curve in curves.items() if len(curve)}
        if not curves:
            continue
        errors = {
            name: stored.statistic(MULTI_TASK, name, task.name, "test", "ece").mean
            for name in curves
        }
        panels.append(
            {
                "task": task.name,
                "errors": [
                    (place, stored.title_of(name), number(error, 3))
                    for place, (name, error) in enumerate(errors.items())
                ],
                "chart": reliability_chart(
                    {stored.title_of(name): curve for name, curve in curves.items()},
                    task.name,
                ),
            }
        )
    return {"panels": panels, "unit": stored.unit} if panels else None


def _curve(stored: StoredStudy, task: str, variant: str) -> pd.DataFrame:
    """Return predicted and observed by bin, over the rows of all seeds."""
    table = stored.reliability
    chosen = table[(table["task"] == task) & (table["variant"] == variant)]
    weighted = chosen[["predicted", "observed"]].mul(chosen["rows"], axis=0)
    sums = weighted.assign(bin=chosen["bin"], rows=chosen["rows"]).groupby("bin").sum()
    return sums[["predicted", "observed"]].div(sums["rows"], axis=0)
