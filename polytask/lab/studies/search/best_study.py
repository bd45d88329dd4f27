"""The winner of a search as a study file."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from polytask.lab.studies.search.result import BEST, BEST_FILE
from polytask.lab.studies.search.space import Candidate
from polytask.lab.studies.study import Study
from polytask.lab.tables.init_study import toml_key, toml_string
from polytask_options import changed


def best_study(study: Study, best: Candidate, folder: Path, trials: int) -> str:
    """Return the text of `best.toml`.

    Args:
        study: What was searched for.
        best: The winner.
        folder: Where the file will lie; paths in it start there.
        trials: Among how many it was found.
    """
    data = study.data
    if data.file:
        place = Path(os.path.relpath(data.file, folder)).as_posix()
        data = replace(data, file=place)
    given = {n: v for n, v in changed(data).items() if n not in ("tasks", "columns")}
    budget = {
        "seeds": len(study.seeds),
        "epochs": best.budget.epochs,
        "patience": best.budget.patience,
        **changed(best.budget),
    }
    tables: dict[str, Mapping[str, Any]] = {
        "data": given,
        "data.columns": dict(data.columns),
        "tasks": dict(data.tasks),
        "network": changed(best.network),
        "budget": budget,
        f"variants.{BEST}": {
            "title": f"Best of {trials} trials",
            **changed(best.settings),
        },
    }
    lines = [
        f"# The best of {trials} trials of polytask search.",
        f"#     polytask compare {BEST_FILE}",
        f"#     polytask fit TABLE --config {BEST_FILE} --variant {BEST}",
        f"name = {toml_string(f'{study.name}-{BEST}')}",
        f"title = {toml_string(study.title)}",
    ]
    for name, table in tables.items():
        if table:
            lines += ["", f"[{name}]"]
            lines += [f"{toml_key(k)} = {toml(v)}" for k, v in table.items()]
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """Return a value in TOML.

    Example:
        >>> toml({"name": "ple", "experts": 2, "units": (8, 4)})
        '{ name = "ple", experts = 2, units = [8, 4] }'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, Mapping):
        return (
            f"{{ {', '.join(f'{toml_key(k)} = {toml(v)}' for k, v in value.items())} }}"
        )
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    return repr(value)
