"""What one variant of a study changes about the network and its training."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from polytask.errors import UserError
from polytask.lab.studies.fields import Fields
from polytask.models.weight_decay import SCOPES

# One line each, shown by `polytask list`.
OPTIONS = {
    "l1": "strength of L1 on every kernel; a proximal step gives exact zeros",
    "l1_inputs": "strength of L1 on the first layer's kernel alone",
    "l2": "strength of L2, l2/2 * ||w||^2, on every kernel",
    "elastic_net": "{ l1 = ..., l2 = ... } on every kernel",
    "group_lasso": "strength of a group penalty that drops whole input columns",
    "regularizer": 'any regularizer by name: "l1" or { name = "l1", l1 = 1e-3 }',
    "weight_decay": "decoupled decay of kernels: a rate, or { trunk, tower, head }",
    "task_gates": "price of each shared unit that a task keeps, by learned L0 gates",
    "dropout_input": "dropout rate of the inputs",
    "dropout_trunk": "dropout rate after every shared layer",
    "dropout_tower": "dropout rate after every layer of the towers",
    "batch_norm": "true: batch normalization in every hidden layer, before dropout",
    "sharing": 'which layers tasks share: "hard", "mmoe", { name = "ple", ... }',
    "balancer": 'how task gradients are combined: "equal", "pcgrad", { name = ... }',
    "task_structure": 'penalty that couples the heads: { name = "l21", ... }',
}

_KERNEL_PENALTIES = ("l1", "l2", "elastic_net", "regularizer")


@dataclass(frozen=True)
class Settings:
    """The options of one variant; the defaults are no regularization at all.

    Args:
        l1: Strength of L1 on every kernel, 0 for none.
        l1_inputs: Strength of L1 on the first layer's kernel.
        l2: Strength λ of L2, λ/2‖w‖², on every kernel.
        elastic_net: The two strengths of both, on every kernel.
        group_lasso: Strength of the group lasso on the first layer, one group per
            input column.
        regularizer: Configuration of any other regularizer, on every kernel.
        weight_decay: Decoupled weight decay of the kernels, one rate or one a scope; in
            a single-task network all but the head is tower.
        task_gates: Strength of a `HardConcreteGate` before each task's tower.
        dropout_input: Dropout rate of the inputs.
        dropout_trunk: Dropout rate of the shared layers.
        dropout_tower: Dropout rate of the towers.
        batch_norm: Whether hidden layers are batch-normalized.
        sharing: Name and options of the sharing architecture; None for a plain trunk.
        balancer: Name and options of the balancer.
        task_structure: Name and options of the penalty that couples the heads.
    """

    l1: float = 0.0
    l1_inputs: float = 0.0
    l2: float = 0.0
    elastic_net: tuple[float, float] | None = None
    group_lasso: float = 0.0
    regularizer: dict[str, Any] | None = None
    weight_decay: float | dict[str, float] = 0.0
    task_gates: float = 0.0
    dropout_input: float = 0.0
    dropout_trunk: float = 0.0
    dropout_tower: float = 0.0
    batch_norm: bool = False
    sharing: dict[str, Any] | None = None
    balancer: dict[str, Any] | None = None
    task_structure: dict[str, Any] | None = None

    @classmethod
    def parse(cls, table: Fields) -> "Settings":
        """Read the options of one variant; unknown names are refused.

        Raises:
            UserError: Naming the option, what was found and what is accepted.
        """
        # Heavy families are imported when a name has to be checked.
        from polytask import balancing, regularizers
        from polytask.lab.studies.sharing import parse_sharing

        elastic_net = None
        if "elastic_net" in table:
            inner = table.table("elastic_net")
            elastic_net = (inner.number("l1"), inner.number("l2"))
            inner.finish()
        table.known.append("elastic_net")
        settings = cls(
            **{key: table.number(key, 0.0) for key in _STRENGTHS},
            **{key: table.number(key, 0.0, below=1.0) for key in _RATES},
            elastic_net=elastic_net,
            weight_decay=_weight_decay(table),
            batch_norm=table.flag("batch_norm"),
            regularizer=_named(table, "regularizer", regularizers),
            sharing=parse_sharing(table),
            balancer=_named(table, "balancer", balancing),
            task_structure=_named(table, "task_structure", regularizers),
        )
        _check_coupling(table, settings, regularizers)
        table.finish()
        used = [name for name in _KERNEL_PENALTIES if getattr(settings, name)]
        if len(used) > 1:
            raise UserError(
                f"{table.where}: {' and '.join(used)} both penalize every kernel; give "
                "one of them (elastic_net joins l1 and l2)."
            )
        if settings.l1_inputs and settings.group_lasso:
            raise UserError(
                f"{table.where}: l1_inputs and group_lasso both penalize the first "
                "layer; give one of them."
            )
        return settings

    def alone(self) -> "Settings":
        """Return what of the options matters to a network with one task."""
        return replace(self, sharing=None, balancer=None, task_structure=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the options that differ from the default, as written in a file."""
        given: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                given[field.name] = value
        if self.elastic_net is not None:
            given["elastic_net"] = dict(
                zip(("l1", "l2"), self.elastic_net, strict=True)
            )
        return given


_STRENGTHS = ("l1", "l1_inputs", "l2", "group_lasso", "task_gates")
_RATES = ("dropout_input", "dropout_trunk", "dropout_tower")


def _weight_decay(table: Fields) -> float | dict[str, float]:
    if not isinstance(table.values.get("weight_decay"), Mapping):
        rate: float = table.number("weight_decay", 0.0)
        return rate
    scopes = table.table("weight_decay")
    rates = {scope: scopes.number(scope, 0.0) for scope in SCOPES}
    scopes.finish()
    return rates


def _named(table: Fields, key: str, family: Any) -> dict[str, Any] | None:
    value = table.raw(key, None)
    if value is None:
        return None
    where = f"{table.where}: {key}"
    options = {"name": value} if isinstance(value, str) else value
    if not isinstance(options, Mapping) or not isinstance(options.get("name"), str):
        raise table.error(key, value, 'a name or { name = "...", ... }')
    try:
        instantiate(family, options)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{where} = {value!r} is not accepted: {error}.") from error
    return dict(options)


def _check_coupling(table: Fields, settings: Settings, regularizers: Any) -> None:
    for key, couples in (("regularizer", False), ("task_structure", True)):
        options = getattr(settings, key)
        if options is None:
            continue
        member = instantiate(regularizers, options)
        if isinstance(member, regularizers.TaskStructure) is not couples:
            accepted = (
                "a penalty that couples tasks"
                if couples
                else "a penalty of one kernel; as task_structure it couples tasks"
            )
            raise table.error(key, options["name"], accepted)


def instantiate(family: Any, options: Mapping[str, Any]) -> Any:
    """Return the member of a family (`regularizers`, `balancing`) an option names.

    Args:
        family: A module with `get`.
        options: `{"name": ..., further options}`.
    """
    keywords = {key: value for key, value in options.items() if key != "name"}
    return family.get(options["name"], **keywords)
