"""What the data are: rows, labels, what is missing, source and license."""

from dataclasses import dataclass
from typing import Any

from polytask.lab.reports.numerals import (
    MISSING,
    count,
    decimals_for,
    number,
    percent,
    plain_value,
)
from polytask.lab.reports.settings_section import listed
from polytask.lab.reports.stored_study import ReportedTask, StoredStudy
from polytask.lab.studies.schema import SPLITS, Facts, LabelFacts, TaskFacts

_SHOWN_APART = (
    *("rows", "tasks", "columns", "notes", "license", "source", "fingerprint"),
)
_COLUMN = ("name", "kind", "role", "features", "missing", "reason")


@dataclass(frozen=True)
class LabelRow:
    """The labels of one task in one split."""

    labeled: str
    missing: str
    distribution: str


def data_section(stored: StoredStudy) -> dict[str, Any]:
    """Return the facts of the data set."""
    facts, rows = stored.study.facts, stored.study.facts.rows
    splits = [split for split in SPLITS if split in rows]
    return {
        "source": facts.source,
        "license": facts.license,
        "fingerprint": facts.fingerprint,
        "notes": facts.notes,
        "splits": splits,
        "rows": [count(rows[split]) for split in splits],
        "columns": [
            [plain_value(column.get(key)) for key in _COLUMN]
            for column in facts.columns
        ],
        "tasks": [
            {
                "name": task.name,
                "kind": task.kind,
                "splits": [_labels(facts, task, split) for split in splits],
            }
            for task in stored.tasks
        ],
        "others": listed(
            {k: v for k, v in stored.study.data.items() if k not in _SHOWN_APART}
        ),
    }


def _labels(facts: Facts, task: ReportedTask, split: str) -> LabelRow:
    about = facts.tasks.get(task.name, TaskFacts())
    labels = getattr(about, split) or LabelFacts()
    labeled, missing = labels.labeled, labels.missing
    total = None if labeled is None or missing is None else labeled + missing
    share = f" ({percent(100 * missing / total, 1)})" if total and missing else ""
    return LabelRow(
        labeled=count(labeled),
        missing=count(missing) + share,
        distribution=_distribution(labels, task),
    )


def _distribution(labels: LabelFacts, task: ReportedTask) -> str:
    if labels.mean is not None and labels.std is not None:
        decimals = decimals_for([], [labels.mean, labels.std])
        mean, sd = number(labels.mean, decimals), number(labels.std, decimals)
        return f"mean {mean}, sd {sd}"
    counts = labels.counts
    total = sum(counts.values())
    if not total:
        return MISSING
    if len(task.classes or counts) == 2:
        positive = task.classes[-1] if task.classes else list(counts)[-1]
        share = percent(100 * counts.get(positive, 0) / total, 1)
        return f"{share} {positive}"
    largest = max(counts, key=lambda label: counts[label])
    share = percent(100 * counts[largest] / total, 1)
    return f"{len(counts)} classes, most often {largest} ({share})"
