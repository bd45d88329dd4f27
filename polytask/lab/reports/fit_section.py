"""The metrics of one fitted model, task by task and split by split."""

from typing import Any

from polytask.errors import plural
from polytask.lab.reports.diagnostics_section import stored_diagnostics
from polytask.lab.reports.numerals import count, decimals_for, number
from polytask.lab.reports.results_section import Cell, Row
from polytask.lab.reports.stored_study import ReportedTask, StoredStudy
from polytask.lab.studies.schema import BASELINES, MULTI_TASK, SPLITS
from polytask.lab.studies.summary_schema import BaselineModel


def fit_section(stored: StoredStudy) -> dict[str, Any]:
    """Return the answer and the metrics of the only variant."""
    variant = next(iter(stored.variants))
    diagnostics = stored_diagnostics(stored)
    beside = diagnostics.baselines if diagnostics is not None else []
    kinds = list(dict.fromkeys(model.name for model in beside))
    splits = [s for s in SPLITS if (stored.results["split"] == s).any()]
    tasks = [
        _task(
            stored,
            variant,
            task,
            splits,
            [_scores(beside, task.name, k) for k in kinds],
        )
        for task in stored.tasks
    ]
    rows = stored.study.facts.rows.get("test")
    return {
        "claim": (
            f"One network for {plural(len(tasks), 'task')}"
            + (f", evaluated once on {plural(rows, 'test row')}." if rows else ".")
        ),
        "tasks": tasks,
        "splits": splits,
        "refit": bool(stored.study.budget.get("refit")),
        "beside": [BASELINES.get(kind, kind) for kind in kinds],
        "parameters": count(
            stored.run_statistic("parameters", MULTI_TASK, variant).mean
        ),
    }


def _scores(models: list[BaselineModel], task: str, kind: str) -> dict[str, float]:
    """Return metric → value on test rows of one model of another kind."""
    return {
        metric: value
        for model in models
        if (model.name, model.task) == (kind, task)
        for _, split, metric, value in model.scores
        if split == "test" and value is not None
    }


def _task(
    stored: StoredStudy,
    variant: str,
    task: ReportedTask,
    splits: list[str],
    beside: list[dict[str, float]],
) -> dict[str, Any]:
    metrics = stored.metrics_of(task)
    measured = set(stored.results.loc[stored.results["task"] == task.name, "split"])
    last = [split for split in splits if split in measured][-1]
    rows = []
    for metric in metrics:
        values = [
            stored.statistic(MULTI_TASK, variant, task.name, split, metric.name)
            for split in splits
        ]
        decimals = decimals_for([s.sd for s in values], [s.mean for s in values])
        others = [number(scores.get(metric.name), decimals) for scores in beside]
        rows.append(
            Row(
                title=f"{metric.label} {metric.arrow}".strip(),
                cells=[
                    *(Cell(value.text(decimals), value.note) for value in values),
                    *map(Cell, others),
                ],
                is_best=metric == task.primary,
            )
        )
    primary = stored.statistic(MULTI_TASK, variant, task.name, last, task.primary.name)
    return {
        "name": task.name,
        "kind": task.kind,
        "metric": f"{last} {task.primary.label}",
        "value": primary.text(decimals_for([primary.sd], [primary.mean])),
        "rows": rows,
    }
