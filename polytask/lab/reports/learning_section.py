"""The learning curves of the plain and the best variant, task by task."""

from typing import Any

from markupsafe import Markup

from polytask.lab.reports.charts.learning_chart import Curves, learning_chart
from polytask.lab.reports.metric import Metric
from polytask.lab.reports.stored_study import ReportedTask, StoredStudy
from polytask.lab.studies.schema import MULTI_TASK, SPLITS

# Tasks beyond these are folded, so that a study of 40 tasks stays readable.
_OPEN_TASKS = 4
# Groups of panels that a page holds for the variants that are folded.
_MOST_FOLDED = 120


def learning_section(stored: StoredStudy, variants: list[str]) -> dict[str, Any]:
    """Return one group of panels per task.

    Args:
        stored: The study.
        variants: Names of the variants to put side by side.

    Returns:
        The groups, `shown` and `folded`.
    """
    groups = [
        {
            "task": task.name,
            "panels": [
                panel
                for metric in (Metric.named("loss"), task.primary)
                for panel in _panels(stored, task, metric, variants)
            ],
        }
        for task in stored.tasks
    ]
    groups = [group for group in groups if group["panels"]]
    return {
        "shown": groups[:_OPEN_TASKS],
        "folded": groups[_OPEN_TASKS:],
        "per_row": 2 * len(variants),
        "has_seeds": len(stored.seeds) > 1,
    }


def other_curves(stored: StoredStudy, compared: list[str]) -> list[dict[str, Any]]:
    """Return the panels of each variant that is not compared, to be unfolded.

    Of a study of many tasks and variants, the first tasks alone.

    Args:
        stored: The study.
        compared: Names of the variants whose curves are shown.
    """
    names = [name for name in stored.ranking if name not in compared]
    few = len(names) * len(stored.tasks) <= _MOST_FOLDED
    found = []
    for name in names:
        contents = learning_section(stored, [name])
        groups = contents["shown"] + (contents["folded"] if few else [])
        if groups:
            found.append({"title": stored.title_of(name), "groups": groups})
    return found


def _panels(
    stored: StoredStudy, task: ReportedTask, metric: Metric, variants: list[str]
) -> list[dict[str, str | Markup]]:
    curves = [_curves(stored, task, metric, name) for name in variants]
    curves = [one for one in curves if one.by_split]
    values = [value for one in curves for value in one.values]
    epochs = max((one.epochs for one in curves), default=1)
    return [
        {
            "metric": f"{one.metric} {metric.arrow}".strip(),
            "variant": one.variant,
            "chart": learning_chart(one, values, epochs),
        }
        for one in curves
    ]


def _curves(
    stored: StoredStudy, task: ReportedTask, metric: Metric, variant: str
) -> Curves:
    by_split = {
        split: curve
        for split in SPLITS
        if not (curve := stored.curve(variant, task.name, metric.name, split)).empty
    }
    runs = stored.runs_of(MULTI_TASK, variant).dropna(subset=["best_epoch"])
    return Curves(
        by_split=by_split,
        selected={
            int(s): int(e)
            for s, e in zip(runs["seed"], runs["best_epoch"], strict=True)
        },
        variant=stored.title_of(variant),
        task=task.name,
        metric=metric.label,
    )
