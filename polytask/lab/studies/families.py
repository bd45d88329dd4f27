"""What a study file can name: regularizers, balancers, architectures."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from polytask import balancing, regularizers
from polytask.errors import UserError, nearest
from polytask.lab.studies.normalizations import normalization
from polytask.layers.architectures import ARCHITECTURES

# The network gives these to an architecture.
_OF_THE_NETWORK = {"self", "tasks", "activation", "make", "name"}


def instantiate(family: Any, options: Mapping[str, Any]) -> Any:
    """Return the member of a family (`regularizers`, `balancing`) an option names.

    Args:
        family: A module with `get`.
        options: `{"name": ..., further options}`.
    """
    return family.get(options["name"], **_keywords(options))


def _keywords(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "name"}


def _regularizer(options: dict[str, Any]) -> dict[str, Any]:
    if _couples(options):
        raise UserError(
            f"{options['name']} couples tasks; accepted is a penalty of one kernel. "
            "Give it as task_structure."
        )
    return options


def _task_structure(options: dict[str, Any]) -> dict[str, Any]:
    if not _couples(options):
        raise UserError(
            f"{options['name']} is a penalty of one kernel; accepted is a penalty that "
            "couples tasks. Give it as regularizer."
        )
    return options


def _couples(options: dict[str, Any]) -> bool:
    member = instantiate(regularizers, options)
    return isinstance(member, regularizers.TaskStructure)


def _balancer(options: dict[str, Any]) -> dict[str, Any]:
    instantiate(balancing, options)
    return options


def _normalization(options: dict[str, Any]) -> dict[str, Any]:
    normalization(options)
    return options


def _sharing(options: dict[str, Any]) -> dict[str, Any] | None:
    architecture = ARCHITECTURES.named(options["name"])
    parameters = inspect.signature(architecture.__init__).parameters
    accepted = sorted(set(parameters) - _OF_THE_NETWORK)
    for key in _keywords(options):
        if key not in accepted:
            raise UserError(
                f'{options["name"]} has no option "{key}".{nearest(key, accepted)} '
                f"Accepted: {', '.join(accepted)}."
            )
    architecture(("a", "b"), **_keywords(options))
    # The plain trunk is what a network has without the option.
    return None if options == {"name": "hard"} else options


#: Family → what checks name and options, by making a member, and returns them.
FAMILIES: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    "balancer": _balancer,
    "normalization": _normalization,
    "regularizer": _regularizer,
    "sharing": _sharing,
    "task_structure": _task_structure,
}
