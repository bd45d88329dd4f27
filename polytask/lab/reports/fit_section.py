"""The metrics of one fitted model, task by task and split by split."""

from typing import Any

from polytask.lab.reports.numerals import count, decimals_for, plural, seconds
from polytask.lab.reports.results_section import Cell, Row
from polytask.lab.reports.stored_study import ReportedTask, StoredStudy
from polytask.lab.studies.schema import MULTI_TASK, SPLITS


def fit_section(stored: StoredStudy) -> dict[str, Any]:
    """Return the answer and the metrics of the only variant."""
    variant = next(iter(stored.variants))
    tasks = [_task(stored, variant, task) for task in stored.tasks]
    rows = stored.study.facts.rows.get("test")
    return {
        "claim": (
            f"One network for {plural(len(tasks), 'task')}"
            + (f", evaluated once on {plural(rows, 'test row')}." if rows else ".")
        ),
        "tasks": tasks,
        "splits": [
            split for split in SPLITS if any(split in t["splits"] for t in tasks)
        ],
        "parameters": count(
            stored.run_statistic("parameters", MULTI_TASK, variant).mean
        ),
        "seconds": seconds(stored.run_statistic("seconds", MULTI_TASK, variant).mean),
    }


def _task(stored: StoredStudy, variant: str, task: ReportedTask) -> dict[str, Any]:
    metrics = stored.metrics_of(task)
    own = stored.results[stored.results["task"] == task.name]
    splits = [split for split in SPLITS if (own["split"] == split).any()]
    rows = []
    for metric in metrics:
        values = [
            stored.statistic(MULTI_TASK, variant, task.name, split, metric.name)
            for split in splits
        ]
        decimals = decimals_for([s.sd for s in values], [s.mean for s in values])
        rows.append(
            Row(
                title=f"{metric.label} {metric.arrow}".strip(),
                cells=[Cell(value.text(decimals), value.note) for value in values],
                is_best=metric == task.primary,
            )
        )
    primary = stored.statistic(
        MULTI_TASK, variant, task.name, splits[-1], task.primary.name
    )
    return {
        "name": task.name,
        "kind": task.kind,
        "metric": task.primary.label,
        "value": primary.text(decimals_for([primary.sd], [primary.mean])),
        "splits": splits,
        "rows": rows,
    }
