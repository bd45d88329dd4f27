"""What the data are: rows, labels, what is missing, source and license."""

from dataclasses import dataclass
from typing import Any

from polytask.lab.kinds import KINDS
from polytask.lab.reports.numerals import (
    MISSING,
    count,
    decimals_for,
    number,
    percent,
    plain_value,
)
from polytask.lab.reports.settings_section import listed
from polytask.lab.reports.stored_study import SPLITS, StoredStudy, StoredTask

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
    facts = stored.study.get("data") or {}
    rows = facts.get("rows") or {}
    splits = [split for split in SPLITS if split in rows]
    return {
        "source": facts.get("source") or "",
        "license": facts.get("license") or "",
        "fingerprint": facts.get("fingerprint") or "",
        "notes": [str(note) for note in facts.get("notes") or ()],
        "splits": splits,
        "rows": [count(rows[split]) for split in splits],
        "columns": _columns(facts),
        "tasks": [
            {
                "name": task.name,
                "kind": task.kind,
                "splits": [_labels(facts, task, split) for split in splits],
            }
            for task in stored.tasks
        ],
        "others": listed({k: v for k, v in facts.items() if k not in _SHOWN_APART}),
    }


def _labels(facts: dict[str, Any], task: StoredTask, split: str) -> LabelRow:
    labels = ((facts.get("tasks") or {}).get(task.name) or {}).get(split) or {}
    labeled, missing = labels.get("labeled"), labels.get("missing")
    total = None if labeled is None or missing is None else labeled + missing
    share = f" ({percent(100 * missing / total, 1)})" if total and missing else ""
    return LabelRow(
        labeled=count(labeled),
        missing=count(missing) + share,
        distribution=_distribution(labels, task),
    )


def _distribution(labels: dict[str, Any], task: StoredTask) -> str:
    if not KINDS[task.kind].has_classes:
        mean, sd = labels.get("mean"), labels.get("std")
        if mean is None or sd is None:
            return MISSING
        decimals = decimals_for([], [mean, sd])
        return f"mean {number(mean, decimals)}, sd {number(sd, decimals)}"
    counts = labels.get("counts") or {}
    total = sum(counts.values())
    if not total:
        return MISSING
    if KINDS[task.kind].number_of_classes == 2:
        positive = task.classes[-1] if task.classes else list(counts)[-1]
        share = percent(100 * counts.get(positive, 0) / total, 1)
        return f"{share} {positive}"
    largest = max(counts, key=lambda label: counts[label])
    share = percent(100 * counts[largest] / total, 1)
    return f"{len(counts)} classes, most often {largest} ({share})"


def _columns(facts: dict[str, Any]) -> list[list[str]]:
    """One line per column of the table: name, kind, role and what else is known."""
    columns = facts.get("columns") or ()
    return [[plain_value(column.get(key)) for key in _COLUMN] for column in columns]
