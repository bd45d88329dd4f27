"""A study: variants × seeds, or × repeats, on one data set, as asked for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from polytask.errors import UserError, nearest
from polytask.lab.studies.search.space import Space
from polytask.lab.studies.study_file import BY_DATA as BY_DATA
from polytask.lab.studies.study_file import Variant as Variant
from polytask.lab.studies.study_file import read_study, text_of
from polytask.lab.studies.tuning import Draw, Tuning
from polytask_options import (
    Baselines,
    Budget,
    DataSource,
    Network,
    identity,
)
from polytask_options.splits import split_rule
from polytask_options.study import SPLIT_AND_SEED

#: Model, variant and task, "" for all tasks.
Arm = tuple[str, str, str]


@dataclass(frozen=True)
class Study:
    """Everything that was asked for; the results follow from it.

    Args:
        name: Short name, the default folder's.
        title: The report's headline.
        data: Where the rows come from.
        network: Shared by all variants and baselines.
        budget: Shared by all variants and baselines.
        variants: The configurations that are compared.
        seeds: One run per variant and seed; a repeat is known by its seed.
        vary: What repeats differ in: `"split and seed"`, `"seed"` or `"by the data"`,
            which is the former unless the data come with a test set; `""` for a study
            of seeds on one split.
        margin: The smallest Δm in percent that matters; "tie" stands for less.
        plain: Name of the variant without regularization, or None.
        notes: Sentences to show in the report.
        baselines: Single-task models of other kinds, fitted on the same rows.
        tuning: How many draws each arm is tuned with, or None.
        tuned: Arm (model, variant, task) → what tuning chose for it.
        search: What `polytask search` tries; None for the usual.

    Example:
        >>> Study.load("digits").plain
        'none'
    """

    name: str
    title: str
    data: DataSource
    variants: tuple[Variant, ...]
    network: Network = Network()
    budget: Budget = Budget()
    seeds: tuple[int, ...] = (0, 1, 2)
    plain: str | None = None
    notes: tuple[str, ...] = field(default=())
    baselines: Baselines = Baselines()
    vary: str = ""
    margin: float = 1.0
    search: Space | None = None
    tuning: Tuning | None = None
    tuned: Mapping[Arm, Draw] = field(default_factory=dict)

    @classmethod
    def load(cls, study: str | Path, compares: bool = True) -> "Study":
        """Read a study file, or a bundled study by name.

        Args:
            study: `"digits"`, `"census"` or the path of a TOML file.
            compares: Whether variants have to be named. A search and a path need none;
                without, there is the network without regularization.

        Raises:
            UserError: If it is absent or not a valid study.
        """
        return cls.parse(*text_of(study), compares)

    @classmethod
    def parse(
        cls, text: str, where: str, folder: Path, compares: bool = True
    ) -> "Study":
        """Read the text of a study file.

        Args:
            text: TOML.
            where: The file's name in messages.
            folder: Relative paths in it start here.
            compares: See `load`.

        Raises:
            UserError: Naming the key, what was found and what is accepted.
        """
        return cls(**read_study(text, where, folder, compares))

    def narrowed(
        self,
        variants: list[str] | None = None,
        seeds: int | None = None,
        epochs: int | None = None,
        repeats: int | None = None,
    ) -> "Study":
        """Return the study with fewer variants, or other seeds, epochs or repeats.

        Args:
            variants: Names to keep; None for all.
            seeds: Number of seeds; the first ones of the file, then counted up.
            epochs: The most epochs.
            repeats: Number of repeats, each with a split and a seed of its own.

        Raises:
            UserError: If a variant is not in the study or a number is below 1.
        """
        numbers = {"--seeds": seeds, "--epochs": epochs, "--repeats": repeats}
        for name, number in numbers.items():
            if number is not None and number < 1:
                raise UserError(f"{name} = {number}; accepted is an integer from 1.")
        if seeds is not None and (repeats is not None or self.vary):
            raise UserError(
                "--seeds is for a study of seeds on one split; a study with repeats "
                "has a seed for each of them (--repeats)."
            )
        study = self
        if variants is not None:
            by_name = {variant.name: variant for variant in self.variants}
            for name in variants:
                if name not in by_name:
                    raise UserError(
                        f'Unknown variant "{name}".{nearest(name, by_name)} '
                        f"The study {self.name} has: {', '.join(by_name)}."
                    )
            kept = tuple(v for v in self.variants if v.name in variants)
            plain = self.plain if self.plain in variants else None
            study = replace(study, variants=kept, plain=plain)
        if seeds is not None:
            chosen = list(self.seeds[:seeds])
            while len(chosen) < seeds:
                chosen.append(max(chosen) + 1)
            study = replace(study, seeds=tuple(chosen))
        if repeats is not None:
            vary = study.vary or BY_DATA
            study = replace(study, seeds=tuple(range(repeats)), vary=vary)
        if epochs is not None:
            study = replace(study, budget=replace(study.budget, epochs=epochs))
        return study

    def variant(self, name: str) -> Variant:
        """Return the variant called `name`."""
        return next(variant for variant in self.variants if variant.name == name)

    @property
    def alone(self) -> tuple[str, ...]:
        """Names of the variants that are also trained on each task alone."""
        asked = self.baselines.networks
        names = (variant.name for variant in self.variants)
        return tuple(name for name in names if asked is None or name in asked)

    @property
    def varies_split(self) -> bool:
        """Whether each repeat draws a split of its own."""
        return self.vary in (SPLIT_AND_SEED, BY_DATA)

    @property
    def compares_balancers(self) -> bool:
        """Whether a variant balances; then all record how the gradients conflict."""
        return any(variant.settings.balancer for variant in self.variants)

    def to_dict(self) -> dict[str, Any]:
        """Return the request as plain JSON values."""
        return {
            "name": self.name,
            "title": self.title,
            "data": json.loads(json.dumps(asdict(self.data))),
            "network": json.loads(json.dumps(asdict(self.network))),
            "budget": asdict(self.budget),
            "variants": [
                {"name": v.name, "title": v.title, "settings": v.settings.to_dict()}
                for v in self.variants
            ],
            "seeds": list(self.seeds),
            "plain": self.plain,
            "notes": list(self.notes),
            "vary": self.vary,
            "margin": self.margin,
            "tuning": self.tuning.to_dict() if self.tuning else {},
            "alone": list(self.alone),
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the request, without the places where files lie."""
        request = self.to_dict()
        for part in ("data", "network", "budget"):
            request[part] = identity(getattr(self, part))
        for place in ("file", "data_dir"):
            request["data"].pop(place)
        rule = split_rule(self.data.split)
        if rule is not None and rule.how == "file":
            request["data"]["split"] = "file"
        # Judged afterwards, and unknown to studies of before repeats.
        request.pop("margin")
        # More of them add to what is there.
        request.pop("alone")
        for later in ("vary", "tuning"):
            if not request[later]:
                request.pop(later)
        text = json.dumps(request, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
