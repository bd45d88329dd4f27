"""Equal tuning: every arm of a comparison gets as many draws of its own knobs.

[tuning]
draws = 20
l1 = { low = 1e-6, high = 1e-3, log = true }
task_structure = { strength = { low = 1e-5, high = 1e-1, log = true } }
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from polytask.lab.studies.reading import Place, read
from polytask.lab.studies.schema import Run
from polytask.lab.studies.structure import NAMED
from polytask_options import (
    Budget,
    Domain,
    Draws,
    ElasticNet,
    OneOf,
    Parts,
    Range,
    Settings,
    options,
    read_domain,
)
from polytask_options.table_values import Named, Table
from polytask_options.values import Kind, Number

_RATE = "learning_rate"


@dataclass(frozen=True)
class _AsWritten(Number):
    """A number of any sign; one that is written as an integer stays one."""

    low: float = -math.inf

    def kept(self, value: Any) -> Any:
        """Return it as it is."""
        return value


@dataclass(frozen=True)
class Tuning:
    """How the arms of a study are tuned before they are repeated.

    An arm is a variant on all tasks, or on one alone. Its knobs are the numbers that
    the variant sets, the keys of its tables that have a range, and the learning rate.

    Args:
        draws: Settings that each arm tries.
        splits: Splits (or seeds, where the split is fixed) that each is tried on, none
            of which the repeats have.
        domains: Option → what is drawn, in place of the usual range.
    """

    draws: int
    splits: int = 1
    domains: Mapping[str, Domain] = field(default_factory=dict)

    @classmethod
    def read(cls, values: Any, place: Place) -> "Tuning":
        """Read the table `[tuning]` of a study file.

        Raises:
            UserError: Naming the key, what was found and what is accepted.
        """
        table = place.table(values)
        known = _tunable()
        how = read(Draws(), table, place, beside=known)
        domains = {
            name: _domain(known[name].kind, table[name], name, place)
            for name in known
            if name in table
        }
        return cls(how.draws, how.splits, domains)

    def to_dict(self) -> dict[str, Any]:
        """Return the request as plain JSON values."""
        return {
            "draws": self.draws,
            "splits": self.splits,
            "ranges": {name: _plain(one) for name, one in self.domains.items()},
        }

    def knobs(self, settings: Settings) -> dict[str, Domain]:
        """Return what is drawn for an arm, by option.

        Args:
            settings: Of the arm; what it does not set stays out of the network.
        """
        knobs: dict[str, Domain] = {}
        plain = Settings()
        for name, option in _tunable().items():
            domain = self.domains.get(name, option.search)
            if name != _RATE:
                value = getattr(settings, name)
                is_set = value != getattr(plain, name)
                domain = _drawn_of(value, domain) if is_set else None
            if domain is not None:
                knobs[name] = domain
        return knobs

    def check(self, arms: Iterable[Settings], place: Place) -> None:
        """Refuse a range of an option that no arm has, or with what it cannot be.

        Args:
            arms: Settings of the variants.
            place: Where the ranges stand.

        Raises:
            UserError: Naming the option.
        """
        known = list(arms)
        drawn = [self.knobs(settings) for settings in known]
        used = {knob for knobs in drawn for knob in _keys(knobs)}
        for knob in _keys(self.domains):
            if knob not in used:
                raise place.error(
                    f"{knob} has a range, but no variant sets it to a number; tuned "
                    f"are {', '.join(sorted(used))}."
                )
        for settings, knobs in zip(known, drawn, strict=True):
            for name in set(NAMED) & set(knobs):
                _check_named(name, getattr(settings, name), knobs[name], place)

    def drawn(self, arm: Run, settings: Settings) -> list["Draw"]:
        """Return what an arm tries, the same in every process.

        Args:
            arm: Its model, variant and task.
            settings: Of the arm.
        """
        name = f"{arm.model} {arm.variant} {arm.task}"
        digest = hashlib.sha256(name.encode()).digest()
        random = Random(int.from_bytes(digest[:8], "big"))
        knobs = self.knobs(settings)
        return [
            Draw(
                {name: domain.draw(random) for name, domain in knobs.items()}, settings
            )
            for _ in range(self.draws)
        ]


@dataclass(frozen=True)
class Draw:
    """What an arm tries, or what it was given in the end.

    Args:
        values: Option → value.
        base: The arm's settings, of which the values take the place.
    """

    values: Mapping[str, Any]
    base: Settings

    @property
    def learning_rate(self) -> float:
        """Of the optimizer."""
        return float(self.values[_RATE])

    @property
    def settings(self) -> Settings:
        """Of the network."""
        changed: dict[str, Any] = {k: v for k, v in self.values.items() if k != _RATE}
        for name, value in changed.items():
            if isinstance(value, dict):
                changed[name] = {**getattr(self.base, name), **value}
        return replace(self.base, **changed)

    def to_dict(self) -> dict[str, Any]:
        """Return the values as plain JSON."""
        return {
            name: value._asdict() if isinstance(value, ElasticNet) else value
            for name, value in self.values.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], base: Settings) -> "Draw":
        """Return the draw that `to_dict` described."""
        kept = {
            name: ElasticNet(**value) if name == "elastic_net" else value
            for name, value in values.items()
        }
        return cls(kept, base)


def _tunable() -> dict[str, Any]:
    """Return the options that can be drawn, by name: numbers and tables of them."""
    declared = {
        name: one
        for name, one in options(Settings).items()
        if isinstance(one.search, Range | Parts)
        or isinstance(one.kind, Table)
        or name in NAMED
    }
    return {**declared, _RATE: options(Budget)[_RATE]}


def _domain(kind: Kind, value: Any, name: str, place: Place) -> Domain:
    """Return what is drawn of an option; of one with a name, of its other keys."""
    if not isinstance(kind, Named):
        return read_domain(kind, value, name, place)
    inner = place.inside(name)
    return Parts(
        {
            key: read_domain(_AsWritten(), one, key, inner)  # type: ignore[misc]
            for key, one in inner.table(value).items()
        }
    )


def _check_named(
    name: str, value: Mapping[str, Any], domain: Domain, place: Place
) -> None:
    """Refuse a range of which an end, or a value, makes no member of the family."""
    kind = options(Settings)[name].kind
    for key, one in domain.parts.items() if isinstance(domain, Parts) else ():
        ends = one.values if isinstance(one, OneOf) else (one.low, one.high)
        for end in ends:
            kind.read({**value, key: end}, name, place)


def _drawn_of(value: Any, domain: Domain | None) -> Domain | None:
    """Return what is drawn of an arm's value: a number, or keys that its table has."""
    if isinstance(value, Mapping):
        if isinstance(domain, Parts):
            own = {key: one for key, one in domain.parts.items() if key in value}
            return Parts(own, domain.make) if own else None
        return domain if isinstance(domain, OneOf) else None
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return domain if is_one or isinstance(value, ElasticNet) else None


def _keys(domains: Mapping[str, Domain]) -> list[str]:
    """Return what has a range, a table's keys one by one: `task_structure.strength`."""
    return [
        f"{name}.{key}" if key else name
        for name, domain in domains.items()
        for key in (domain.parts if isinstance(domain, Parts) else ("",))
    ]


def _plain(domain: Domain) -> Any:
    if isinstance(domain, Range):
        return {"low": domain.low, "high": domain.high, "log": domain.log}
    if isinstance(domain, Parts):
        return {key: _plain(one) for key, one in domain.parts.items()}
    return list(domain.values)
