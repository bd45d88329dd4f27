"""The exact settings, the versions and the command that repeat a study."""

import json
from typing import Any

from polytask.errors import plural
from polytask.lab.reports.numerals import plain_value
from polytask.lab.reports.stored_study import StoredStudy
from polytask.lab.studies.schema import MULTI_TASK, SINGLE_TASK

_VERSIONS = {
    "polytask": "polytask",
    "python": "Python",
    "keras": "Keras",
    "backend": "Backend",
    "backend_version": "Backend version",
    "platform": "Platform",
    "training": "Networks trained",
}


def settings_section(stored: StoredStudy) -> dict[str, Any]:
    """Return settings per variant, network, budget, versions and the command."""
    study = stored.study
    return {
        "variants": [
            {
                "title": stored.title_of(variant.name),
                "name": variant.name,
                "settings": listed(variant.settings),
            }
            for variant in stored.variants.values()
        ],
        "draws": study.tuning.get("draws", 0),
        "tuned": [(arm, listed(values)) for arm, values in study.tuned.items()],
        "network": listed(study.network),
        "source": listed(study.source),
        "budget": listed({**study.budget, **study.settings}),
        "seeds": plain_value(stored.seeds),
        "versions": [
            (_VERSIONS.get(key, key), plain_value(value))
            for key, value in study.created_by.items()
        ],
        "command": study.command,
        "fingerprint": study.fingerprint,
        "runs": _runs(stored),
    }


def unfinished(stored: StoredStudy) -> str:
    """Return a sentence on the runs that are still missing, empty if none is."""
    if stored.study.kind == "experiment":
        # What its trainings are is for the caller to say.
        return ""
    planned = planned_runs(stored)
    finished = {model: int((stored.runs["model"] == model).sum()) for model in planned}
    if all(finished[model] >= planned[model] for model in planned):
        return ""
    parts = ", ".join(
        f"{finished[model]} of {planned[model]} {model}" for model in planned
    )
    return (
        f"This study is not finished: {sum(finished.values())} of "
        f"{sum(planned.values())} planned runs are in ({parts}). Every number below "
        "is preliminary; the same command continues where it stopped."
    )


def planned_runs(stored: StoredStudy) -> dict[str, int]:
    """Return how many runs each model was to have: each variant with each seed.

    Single-task networks are trained for every task as well, of all variants or some.
    """
    seeds, alone = len(stored.seeds), stored.study.alone
    variants = len(stored.variants)
    single = (variants if alone is None else len(alone)) * len(stored.tasks)
    return {MULTI_TASK: variants * seeds, SINGLE_TASK: single * seeds}


def listed(settings: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as pairs of a dotted name and a text.

    Example:
        >>> listed({"trunk": {"units": [64, 32]}, "dropout": 0.5})
        [('trunk.units', '64, 32'), ('dropout', '0.5')]
    """
    pairs: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            pairs += listed(value, f"{name}.")
        elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
            pairs.append((name, json.dumps(value, ensure_ascii=False)))
        else:
            pairs.append((name, plain_value(value)))
    return pairs


def _runs(stored: StoredStudy) -> str:
    by_model = stored.runs["model"].value_counts()
    parts = [
        f"{by_model[model]:,} {model}"
        for model in (MULTI_TASK, SINGLE_TASK)
        if model in by_model
    ]
    total = plural(len(stored.runs), "run")
    return f"{total} ({', '.join(parts)})" if len(parts) > 1 else total
