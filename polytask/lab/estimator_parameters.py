"""Parameters of a `TabularModel`: which options it takes, and those of a stored one."""

import json
from pathlib import Path
from typing import Any

from polytask.errors import UserError
from polytask.lab.studies.schema import Description
from polytask_options import Budget, DataSource, Network, Settings, options
from polytask_options.splits import SHARES, split_rule

# Parameters of their own say the first two; the others are of files.
_NO_OPTIONS = ("split", "seed", "sep", "decimal", "encoding")
DECLARED = (Settings, Network, Budget, DataSource)


def accepted_options(declared: type) -> list[str]:
    """Return the options of a class that the parameter `options` may set."""
    return [
        name
        for name, one in options(declared).items()
        if (one.flag or name == "columns") and one.part in ("", "table")
        if name not in _NO_OPTIONS
    ]


def stored_estimator(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the stored parameters, and target → classes as they were given."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return dict(content["parameters"]), dict(content["classes"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error}.") from error


def parameters_of(description: Description) -> dict[str, Any]:
    """Return the parameters that train what the command trained."""
    source = description.source
    stored = {**source, **description.network, **description.budget}
    stored |= description.variants[0].settings
    known = [name for kind in DECLARED for name in accepted_options(kind)]
    values = {name: stored[name] for name in known if stored.get(name) is not None}
    values["columns"] = dict(source.get("columns", ()))
    rule = split_rule(source.get("split"))
    return {
        "tasks": dict(source["tasks"]),
        "options": values,
        "validation_fraction": rule.shares[1] if rule else SHARES[1],
        "random_state": description.seeds[0],
    }
