"""What a search may try, and the networks that its draws stand for."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from polytask.errors import UserError
from polytask.lab.studies.reading import Place, read
from polytask_options import (
    Budget,
    Domain,
    ElasticNet,
    Network,
    OneOf,
    Option,
    Parts,
    Range,
    Search,
    Settings,
    options,
    read_domain,
)

#: What is tried where a study file does not say it: knobs, so that every trial is a
#: lane of one program.
USUAL = (
    *("learning_rate", "elastic_net", "dropout_trunk", "dropout_tower"),
    "weight_decay",
)

#: The word in a list of choices for an option that is not used.
NONE = "none"

# How long a network trains is for the budget to say and for pruning to cut short.
_NOT_SEARCHED = ("epochs", "patience", "refit")
_BY_TASK = "loss_weights"
_OF_TOWERS = ("activity_l2_tower", "dropout_tower", "normalization_tower")

Drawn = Mapping[str, Any]
Parameters = Mapping[str, Range | OneOf]


@dataclass(frozen=True)
class Candidate:
    """A network and its training.

    Args:
        network: Widths and activation.
        budget: Epochs, batches and learning rate.
        settings: The regularization.
    """

    network: Network
    budget: Budget
    settings: Settings


@dataclass(frozen=True)
class Space:
    """What a search may try.

    Args:
        options: How the search goes about it.
        domains: Option → what may be tried; empty for the usual.
    """

    options: Search = Search()
    domains: Mapping[str, Domain] = field(default_factory=dict)

    @classmethod
    def read(cls, values: Any, place: Place) -> "Space":
        """Read the table `[search]` of a study file.

        Raises:
            UserError: Naming the key, what was found and what is accepted.
        """
        table = place.table(values)
        known, own = _searchable(), options(Search)
        # `pruning` is an option of both; values to try stand in a list or a table.
        tried = {
            name: value
            for name, value in table.items()
            if name in known and (name not in own or isinstance(value, list | dict))
        }
        domains = {
            name: _domain(known[name], value, name, place)
            for name, value in tried.items()
        }
        rest = {name: value for name, value in table.items() if name not in tried}
        how = read(Search(), rest, place, beside=known)
        return cls(how, domains)

    @property
    def searched(self) -> Mapping[str, Domain]:
        """Option → what is tried."""
        if self.domains:
            return self.domains
        known = _searchable()
        usual = {name: known[name].search for name in USUAL}
        return {name: domain for name, domain in usual.items() if domain is not None}

    def fitting(self, network: Network, tasks: Iterable[str]) -> "Space":
        """Return the space without usual options that have nothing to act on.

        Args:
            network: Where widths are not searched.
            tasks: Names of the tasks.

        Raises:
            UserError: If the study file names such an option.
        """
        idle: dict[str, str] = {}
        if not network.towers and "towers" not in self.searched:
            idle |= dict.fromkeys(_OF_TOWERS, "the network has no towers")
        if len(list(tasks)) == 1:
            coupling = [name for name, one in _searchable().items() if one.couples]
            idle |= dict.fromkeys(coupling, "it acts between tasks, and there is one")
        for name in self.domains:
            if name in idle:
                raise UserError(f"[search]: {name} changes nothing: {idle[name]}.")
        if not any(name in idle for name in self.searched):
            return self
        kept = {name: one for name, one in self.searched.items() if name not in idle}
        return replace(self, domains=kept)

    def parameters(self, tasks: Iterable[str], single: bool = False) -> Parameters:
        """Return what is drawn, one number or choice each.

        Args:
            tasks: Names of the tasks.
            single: Whether it is for one task alone, which nothing couples.

        Returns:
            Name, such as `"l1"` or `"elastic_net.l1"`, → what it may be.
        """
        known = _searchable()
        found: dict[str, Range | OneOf] = {}
        for name, domain in self.searched.items():
            if single and known[name].couples:
                continue
            if isinstance(domain, Parts):
                found |= {f"{name}.{key}": one for key, one in domain.parts.items()}
            elif name == _BY_TASK and isinstance(domain, Range):
                found |= {f"{name}.{task}": domain for task in tasks}
            else:
                found[name] = domain
        return found

    def candidate(self, base: Candidate, drawn: Drawn) -> Candidate:
        """Return the network that a draw stands for.

        Args:
            base: What holds for options that are not searched.
            drawn: Value of each of the `parameters`.
        """
        values: dict[str, Any] = {}
        for name, domain in self.searched.items():
            keys = [key for key in drawn if key.startswith(f"{name}.")]
            inner = {key.removeprefix(f"{name}."): drawn[key] for key in keys}
            if name in drawn:
                values[name] = drawn[name]
            elif isinstance(domain, Parts) and inner:
                values[name] = domain.make(**inner)
            elif inner:
                # Only their ratios matter to what the tasks share: the simplex.
                total = sum(inner.values())
                values[name] = {t: len(inner) * w / total for t, w in inner.items()}
        if values.get("l1") and values.get("l2"):
            values["elastic_net"] = ElasticNet(values.pop("l1"), values.pop("l2"))
        return Candidate(
            _replaced(base.network, values),
            _replaced(base.budget, values),
            _replaced(base.settings, values),
        )

    def extremes(self, base: Candidate, tasks: Iterable[str]) -> dict[str, Candidate]:
        """Return networks in which everything that may be tried acts.

        Args:
            base: What holds for options that are not searched.
            tasks: Names of the tasks.

        Returns:
            What is special → a network with all strengths at their largest, and one
            for each further choice.

        Raises:
            UserError: If options of which only one may act can meet.
        """
        parameters = self.parameters(tasks)
        widest = {name: _strongest(domain) for name, domain in parameters.items()}
        found = {"the largest values": widest} | {
            f"{name} = {label(value)}": {**widest, name: value}
            for name, domain in parameters.items()
            if isinstance(domain, OneOf)
            for value in domain.values
            if value != widest[name]
        }
        candidates = {}
        for what, drawn in found.items():
            candidates[what] = self.candidate(base, drawn)
            read(candidates[what].settings, {}, Place("[search]"))
        return candidates

    def to_dict(self) -> dict[str, Any]:
        """Return what is asked for as JSON values."""
        return {
            "trials": self.options.trials,
            "objective": self.options.objective,
            "sampler": self.sampler,
            "batch": self.options.batch,
            "pruning": self.options.pruning,
            "seed": self.options.seed,
            "space": {name: _shown(domain) for name, domain in self.searched.items()},
        }

    @property
    def sampler(self) -> str:
        """The sampler's name."""
        usual = {"mean": "tpe", "pareto": "nsga2"}
        return self.options.sampler or usual[self.options.objective]


def meant(parameters: Parameters, written: Drawn) -> dict[str, Any]:
    """Return the values that numbers and words stand for.

    Args:
        parameters: Of `parameters`.
        written: Parameter → number, or `label` of a choice.
    """
    return {
        name: next(v for v in one.values if label(v) == label(written[name]))
        if isinstance(one, OneOf)
        else written[name]
        for name, one in parameters.items()
    }


def label(value: Any) -> str:
    """Return a choice as a word.

    Example:
        >>> label({"name": "pcgrad"}), label((128, 64)), label(None)
        ('pcgrad', '128, 64', 'none')
    """
    if value is None:
        return NONE
    if isinstance(value, Mapping) and list(value) == ["name"]:
        return str(value["name"])
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def _searchable() -> dict[str, Option]:
    known = options(Settings) | options(Network) | options(Budget)
    return {name: one for name, one in known.items() if name not in _NOT_SEARCHED}


def _domain(declared: Option, value: Any, name: str, place: Place) -> Domain:
    if not isinstance(value, list) or NONE not in value:
        domain = read_domain(declared.kind, value, name, place)
    else:
        used = [one for one in value if one != NONE]
        rest = read_domain(declared.kind, used, name, place) if used else OneOf(())
        assert isinstance(rest, OneOf), "a list of values"
        domain = OneOf((_unused(name), *rest.values))
    if isinstance(domain, OneOf) and len({*map(label, domain.values)}) < len(
        domain.values
    ):
        raise place.refused(name, value, "a list of different values")
    return domain


def _unused(name: str) -> Any:
    """Return the value of an option that is not used."""
    for declared in (Settings(), Network(), Budget()):
        if name in options(declared):
            return getattr(declared, name)
    raise UserError(f"There is no option {name!r}.")


def _replaced(declared: Any, values: Mapping[str, Any]) -> Any:
    own = {f.name for f in fields(declared)}
    return replace(declared, **{n: v for n, v in values.items() if n in own})


def _strongest(domain: Range | OneOf) -> Any:
    if isinstance(domain, Range):
        return domain.at(1.0)
    acting = [value for value in domain.values if value]
    return acting[0] if acting else domain.values[0]


def _shown(domain: Domain) -> Any:
    if isinstance(domain, Parts):
        return {key: _shown(one) for key, one in domain.parts.items()}
    if isinstance(domain, OneOf):
        return [label(value) for value in domain.values]
    return {"low": domain.low, "high": domain.high, "log": domain.log}
