"""Exact zeros of every variant, and the columns that the fitted networks read."""

import math
from typing import Any

from polytask.lab.reports.charts.bar import bar
from polytask.lab.reports.numerals import MISSING, count, percent, seconds
from polytask.lab.reports.stored_study import StoredStudy
from polytask.lab.studies.schema import MULTI_TASK


def sparsity_section(stored: StoredStudy) -> dict[str, Any]:
    """Return the table of sizes, zeros and times, and the lists of columns."""
    rows = [_row(stored, name) for name in stored.ranking]
    return {
        "rows": rows,
        "has_zeros": any(row["zeros"] not in ("0", MISSING) for row in rows),
        "has_features": bool(stored.features),
        "features": [
            features
            for name in stored.ranking
            if (features := _features(stored, name)) is not None
        ],
    }


def _row(stored: StoredStudy, name: str) -> dict[str, Any]:
    weights = stored.run_statistic("weights", MULTI_TASK, name).mean
    zeros = stored.run_statistic("zeros", MULTI_TASK, name).mean
    share = 100 * zeros / weights if weights > 0 else math.nan
    used = stored.features.get(name)
    return {
        "title": stored.title_of(name),
        "is_best": name == stored.best,
        "parameters": count(stored.run_statistic("parameters", MULTI_TASK, name).mean),
        "weights": count(weights),
        "zeros": count(zeros),
        "share": percent(share, 1),
        "bar": bar(share, 0.0, 100.0),
        "columns": f"{used.total - len(used.dropped)} of {used.total}"
        if used
        else MISSING,
        "seconds": seconds(stored.run_statistic("seconds", MULTI_TASK, name).mean),
        "epoch": _epochs(stored, name),
    }


def _epochs(stored: StoredStudy, name: str) -> str:
    kept = stored.runs_of(MULTI_TASK, name)["best_epoch"].dropna()
    epochs = sorted(int(epoch) for epoch in kept)
    if not epochs:
        return MISSING
    first, last = epochs[0], epochs[-1]
    return str(first) if first == last else f"{first}\N{EN DASH}{last}"


def _features(stored: StoredStudy, name: str) -> dict[str, Any] | None:
    """The columns by task, for a variant that dropped some or is the best."""
    used = stored.features.get(name)
    if used is None:
        return None
    differ = any(sorted(own) != sorted(used.shared) for own in used.tasks.values())
    is_only_or_best = name == stored.best or len(stored.variants) == 1
    if not used.dropped and not differ and not is_only_or_best:
        return None
    return {
        "title": stored.title_of(name),
        "is_open": is_only_or_best,
        "seed": used.seed,
        "total": used.total,
        "dropped": used.dropped,
        "shared": used.shared,
        "tasks": used.tasks if differ else {},
        "same_for_all": bool(used.tasks) and not differ,
    }
