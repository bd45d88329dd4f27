"""A study: variants × seeds, or × repeats, on one data set, as asked for."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from polytask.errors import UserError, nearest
from polytask.lab.kinds import task_kinds
from polytask.lab.studies.reading import Place, read
from polytask.lab.studies.search.space import Space
from polytask.lab.studies.tuning import Draw, Tuning
from polytask.lab.tables.read_table import is_table
from polytask_options import (
    BUNDLED,
    Baselines,
    Budget,
    DataSource,
    Network,
    Settings,
    identity,
    options,
)
from polytask_options.splits import split_rule
from polytask_options.study import SPLIT_AND_SEED, Repeats
from polytask_options.values import Text, Texts

#: What repeats differ in is not said: the split too, unless the data name their test
#: rows.
BY_DATA = "by the data"

#: Model, variant and task, "" for all tasks.
Arm = tuple[str, str, str]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*(-[A-Za-z0-9_.]+)*")


@dataclass(frozen=True)
class Variant:
    """One configuration of a study.

    Args:
        name: Used in file names and on the command line.
        title: Used in tables.
        settings: What differs from the plain network.
    """

    name: str
    title: str
    settings: Settings = field(default_factory=Settings)


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
        text = str(study)
        path = Path(study)
        if text in BUNDLED and not path.is_file():
            content = resources.files(__package__).joinpath(f"{text}.toml").read_text()
            return cls.parse(content, f"{text}.toml", Path.cwd())
        if not path.is_file():
            raise UserError(
                f"There is no study {text!r}: neither a file nor a bundled study "
                f"({', '.join(BUNDLED)}).{nearest(text, BUNDLED)}"
            )
        if is_table(path):
            raise UserError(
                f"{path} is a table; a study file says what to compare on it. Make "
                f"one: polytask init {path} --task COLUMN, then polytask compare "
                "study.toml. One model without a comparison: polytask fit "
                f"{path} --task COLUMN:KIND."
            )
        return cls.parse(_read_text(path), path.name, path.parent, compares)

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
        try:
            top = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{where} is not valid TOML: {error}.") from error
        place = Place(where)
        name = _text(top, "name", place, Path(where).stem)
        data = _data(top, place, folder)
        network = read(Network(), top.get("network", {}), place.inside("network"))
        budget, repeated = _budget(top.get("budget", {}), place.inside("budget"))
        baselines = read(
            Baselines(), top.get("baselines", {}), place.inside("baselines")
        )
        space = None
        if "search" in top:
            space = Space.read(top["search"], place.inside("search"))
        if space is not None or not compares:
            top.setdefault("variants", {"none": {"title": "No regularization"}})
        variants = _variants(_required(top, "variants", place), place)
        _check_networks(baselines, variants, place.inside("baselines"))
        tuning = None
        if "tuning" in top:
            tuning = Tuning.read(top["tuning"], place.inside("tuning"))
            tuning.check((v.settings for v in variants), place.inside("tuning"))
        tables = ("name", "title", "data", "tasks", "network", "budget", "variants")
        beside = ("notes", "baselines", "search", "tuning")
        place.refuse_unknown(top, (*tables, *beside))
        return cls(
            name=_plain_name(name, place),
            title=_text(top, "title", place, name),
            data=data,
            network=network,
            budget=budget,
            variants=variants,
            **repeated,
            plain=next(v.name for v in variants if v.settings == Settings()),
            notes=Texts().read(top.get("notes", ()), "notes", place),
            baselines=baselines,
            search=space,
            tuning=tuning,
        )

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


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The study file {path} cannot be read: {error}.") from error


def _required(table: dict[str, Any], key: str, place: Place) -> Any:
    if key not in table:
        raise place.error(f'the key "{key}" is missing.')
    return table[key]


def _text(table: dict[str, Any], key: str, place: Place, default: str) -> str:
    text: str = Text().read(table.get(key, default), key, place)
    return text


def _plain_name(name: str, place: Place) -> str:
    # Names become parts of file names, joined by "--".
    if not _NAME.fullmatch(name):
        accepted = "letters, digits, '_', '.' and single '-'"
        raise place.refused("name", name, accepted)
    return name


def _data(top: dict[str, Any], study: Place, folder: Path) -> DataSource:
    place = study.inside("data")
    table = place.table(_required(top, "data", study))
    if ("name" in table) == ("file" in table):
        raise place.error(
            "give either name (a bundled data set: "
            f"{', '.join(BUNDLED)}) or file (a CSV or Parquet file)."
        )
    if "name" in table:
        return read(DataSource(), table, place, part="bundled")
    source = read(DataSource(), table, place, part="table")
    kinds = read(
        DataSource(), {"tasks": _required(top, "tasks", study)}, study, part="tasks"
    ).tasks
    try:
        task_kinds(dict(kinds))
    except UserError as error:
        raise study.inside("tasks").error(str(error)) from error
    file = str((folder / source.file).resolve())
    rule, split = split_rule(source.split), source.split
    if rule is not None and rule.how == "file":
        split = str((folder / rule.name).resolve())
    return replace(source, file=file, tasks=kinds, split=split)


def _budget(values: Any, place: Place) -> tuple[Budget, dict[str, Any]]:
    """Return the budget, and how often it is spent: seeds, vary and margin."""
    table = place.table(values)
    # A study compares at equal length where it is not told to stop earlier.
    table.setdefault("patience", table.get("epochs", Budget().epochs))
    often = options(Repeats)
    budget = read(Budget(), table, place, beside=often)
    how = read(Repeats(), {k: v for k, v in table.items() if k in often}, place)
    if not how.repeats:
        if how.vary:
            raise place.error("vary says what repeats differ in; give repeats as well.")
        return budget, {"seeds": how.seeds, "margin": how.margin}
    if "seeds" in table:
        raise place.error("seeds and repeats both say how often; give one of them.")
    seeds = tuple(range(how.repeats))
    return budget, {"seeds": seeds, "vary": how.vary or BY_DATA, "margin": how.margin}


def _check_networks(
    baselines: Baselines, variants: tuple[Variant, ...], place: Place
) -> None:
    """Refuse single-task networks of a variant that is not there."""
    names = [variant.name for variant in variants]
    for name in baselines.networks or ():
        if name not in names:
            accepted = f"names of variants: {', '.join(names)}"
            raise place.refused("networks", name, accepted, names)


def _variants(values: Any, study: Place) -> tuple[Variant, ...]:
    place = study.inside("variants")
    table = place.table(values)
    if not table:
        raise place.error("is empty; a study has at least one variant.")
    variants = []
    for name, content in table.items():
        own = place.inside(name)
        settings = read(Settings(), content, own, beside=("title",))
        plain = "No regularization" if settings == Settings() else name
        title = _text(content, "title", own, plain)
        variants.append(Variant(_plain_name(name, place), title, settings))
    # Every comparison has the network without regularization.
    if all(variant.settings != Settings() for variant in variants):
        variants.insert(0, Variant("none", "No regularization"))
    names = [variant.name for variant in variants]
    if len(set(names)) < len(names):
        accepted = "another name for it"
        raise place.refused("none", "a regularized variant", accepted)
    return tuple(variants)
