"""A study: variants × seeds on one data set, as asked for."""

import hashlib
import json
import re
import tomllib
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from polytask.errors import UserError, nearest
from polytask.lab.kinds import task_kinds
from polytask.lab.studies.fields import Fields
from polytask.lab.studies.settings import Settings

BUNDLED = ("census", "digits")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*(-[A-Za-z0-9_.]+)*")


@dataclass(frozen=True)
class DataSource:
    """Where the rows come from: a bundled data set or the user's own table.

    Args:
        name: A bundled data set; "" for an own table.
        file: The own table's file; "" for a bundled set.
        tasks: Column and kind of each target of an own table.
        inputs: Input columns of an own table; None for all but the targets.
        exclude: Columns of an own table that are not inputs.
        columns: Column and kind of input, where the guess is not wanted.
        split: Shares of training, validation and test rows.
        seed: Of the split (and of hidden labels, where a bundled set hides some).
        full: Whether a bundled set gives all its rows.
        data_dir: Folder that already holds the files of a bundled set.
    """

    name: str = ""
    file: str = ""
    tasks: tuple[tuple[str, str], ...] = ()
    inputs: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    split: tuple[float, ...] = (0.6, 0.2, 0.2)
    seed: int = 0
    full: bool = False
    data_dir: str | None = None


@dataclass(frozen=True)
class Network:
    """Widths of the shared layers and of every task's tower.

    Args:
        trunk: Widths of the shared layers.
        towers: Widths of each task's own layers.
        activation: Name of a Keras activation.
    """

    trunk: tuple[int, ...] = (128, 64)
    towers: tuple[int, ...] = (32,)
    activation: str = "relu"


@dataclass(frozen=True)
class Budget:
    """What every run may spend, multi-task or single-task.

    Args:
        epochs: The most epochs.
        batch_size: Rows of a batch.
        learning_rate: Of Adam, constant.
        patience: Epochs without a better validation criterion before a run ends.
    """

    epochs: int = 50
    batch_size: int = 64
    learning_rate: float = 1e-3
    patience: int = 10


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
        seeds: One run per variant and seed.
        plain: Name of the variant without regularization, or None.
        notes: Sentences to show in the report.

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

    @classmethod
    def load(cls, study: str | Path) -> "Study":
        """Read a study file, or a bundled study by name.

        Args:
            study: `"digits"`, `"census"` or the path of a TOML file.

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
        return cls.parse(_read_text(path), path.name, path.parent)

    @classmethod
    def parse(cls, text: str, where: str, folder: Path) -> "Study":
        """Read the text of a study file.

        Args:
            text: TOML.
            where: The file's name in messages.
            folder: Relative paths in it start here.

        Raises:
            UserError: Naming the key, what was found and what is accepted.
        """
        try:
            top = Fields(tomllib.loads(text), where)
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{where} is not valid TOML: {error}.") from error
        name = top.text("name", Path(where).stem)
        budget, seeds = _budget(top.table("budget", {}))
        variants = _variants(top.table("variants"))
        study = cls(
            name=_plain_name(top, "name", name),
            title=top.text("title", name),
            data=_data(top, folder),
            network=_network(top.table("network", {})),
            budget=budget,
            variants=variants,
            seeds=seeds,
            plain=next(v.name for v in variants if v.settings == Settings()),
            notes=top.texts("notes", ()),
        )
        top.finish()
        return study

    def narrowed(
        self,
        variants: list[str] | None = None,
        seeds: int | None = None,
        epochs: int | None = None,
    ) -> "Study":
        """Return the study with fewer variants, or other seeds or epochs.

        Args:
            variants: Names to keep; None for all.
            seeds: Number of seeds; the first ones of the file, then counted up.
            epochs: The most epochs.

        Raises:
            UserError: If a variant is not in the study or a number is below 1.
        """
        for name, number in (("--seeds", seeds), ("--epochs", epochs)):
            if number is not None and number < 1:
                raise UserError(f"{name} = {number}; accepted is an integer from 1.")
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
        if epochs is not None:
            study = replace(study, budget=replace(study.budget, epochs=epochs))
        return study

    def variant(self, name: str) -> Variant:
        """Return the variant called `name`."""
        return next(variant for variant in self.variants if variant.name == name)

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
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the request, without the places where files lie."""
        request = self.to_dict()
        for place in ("file", "data_dir"):
            request["data"].pop(place)
        text = json.dumps(request, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The study file {path} cannot be read: {error}.") from error


def _plain_name(table: Fields, key: str, name: str) -> str:
    # Names become parts of file names, joined by "--".
    if not _NAME.fullmatch(name):
        raise table.error(key, name, "letters, digits, '_', '.' and single '-'")
    return name


def _data(top: Fields, folder: Path) -> DataSource:
    table = top.table("data")
    name, file = table.text("name", ""), table.text("file", "")
    if bool(name) == bool(file):
        raise UserError(
            f"{table.where}: give either name (a bundled data set: "
            f"{', '.join(BUNDLED)}) or file (a CSV or Parquet file)."
        )
    if name:
        if name not in BUNDLED:
            raise table.error("name", name, f"one of {', '.join(BUNDLED)}")
        source = DataSource(
            name=name,
            seed=table.integer("seed", 0),
            full=table.flag("full"),
            data_dir=table.text("data_dir", None),
        )
    else:
        tasks = top.table("tasks")
        kinds = {key: tasks.text(key) for key in tasks.values}
        columns = table.table("columns", {})
        try:
            task_kinds(kinds)
        except UserError as error:
            raise UserError(f"{tasks.where}: {error}") from error
        source = DataSource(
            file=str((folder / file).resolve()),
            tasks=tuple(kinds.items()),
            inputs=table.texts("inputs", None),
            exclude=table.texts("exclude", ()),
            columns=tuple((key, columns.text(key)) for key in columns.values),
            split=_split(table),
            seed=table.integer("seed", 0),
        )
    table.finish()
    return source


def _split(table: Fields) -> tuple[float, ...]:
    shares = table.raw("split", [0.6, 0.2, 0.2])
    accepted = "three positive shares that sum to 1: training, validation, test"
    if (
        not isinstance(shares, list)
        or len(shares) != 3
        or not all(isinstance(share, int | float) and share > 0 for share in shares)
        or abs(sum(shares) - 1) > 1e-6
    ):
        raise table.error("split", shares, accepted)
    return tuple(float(share) for share in shares)


def _network(table: Fields) -> Network:
    import keras

    default = Network()
    network = Network(
        trunk=table.integers("trunk", default.trunk),
        towers=table.integers("towers", default.towers),
        activation=table.text("activation", default.activation),
    )
    table.finish()
    if not network.trunk:
        raise table.error("trunk", [], "at least one shared layer")
    try:
        keras.activations.get(network.activation)
    except ValueError as error:
        accepted = "a Keras activation, such as relu, gelu or tanh"
        raise table.error("activation", network.activation, accepted) from error
    return network


def _budget(table: Fields) -> tuple[Budget, tuple[int, ...]]:
    default = Budget()
    epochs = table.integer("epochs", default.epochs, low=1)
    budget = Budget(
        epochs=epochs,
        batch_size=table.integer("batch_size", default.batch_size, low=1),
        learning_rate=table.number(
            "learning_rate", default.learning_rate, positive=True
        ),
        patience=table.integer("patience", epochs, low=1),
    )
    seeds = _seeds(table)
    table.finish()
    return budget, seeds


def _variants(table: Fields) -> tuple[Variant, ...]:
    if not table.values:
        raise UserError(f"{table.where} is empty; a study has at least one variant.")
    variants = []
    for name in table.values:
        options = table.table(name)
        title = options.text("title", name)
        settings = Settings.parse(options)
        variants.append(Variant(_plain_name(table, "name", name), title, settings))
    # Every comparison has the network without regularization.
    if all(variant.settings != Settings() for variant in variants):
        variants.insert(0, Variant("none", "No regularization"))
    names = [variant.name for variant in variants]
    if len(set(names)) < len(names):
        raise table.error("none", "a regularized variant", "another name for it")
    return tuple(variants)


def _seeds(table: Fields) -> tuple[int, ...]:
    seeds = table.raw("seeds", 3)
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        seeds = list(range(seeds))
    accepted = "a number of seeds from 1, or a list of different integers from 0"
    if (
        not isinstance(seeds, list)
        or not seeds
        or not all(isinstance(seed, int) and seed >= 0 for seed in seeds)
        or len(set(seeds)) < len(seeds)
    ):
        raise table.error("seeds", table.values["seeds"], accepted)
    return tuple(seeds)
