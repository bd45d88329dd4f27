"""The file of a study: where it lies, and what it asks for."""

import re
import tomllib
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from polytask.errors import UserError, nearest
from polytask.lab.kinds import task_kinds
from polytask.lab.studies.reading import Place, read
from polytask.lab.studies.search.space import Space
from polytask.lab.studies.tuning import Tuning
from polytask.lab.tables.read_table import is_table
from polytask_options import (
    BUNDLED,
    Baselines,
    Budget,
    DataSource,
    Network,
    Settings,
    options,
)
from polytask_options.splits import split_rule
from polytask_options.study import Repeats
from polytask_options.values import Text, Texts

#: What repeats differ in is not said: the split too, unless the data name their test
#: rows.
BY_DATA = "by the data"

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


def text_of(study: str | Path) -> tuple[str, str, Path]:
    """Find a study.

    Args:
        study: `"digits"`, `"census"` or the path of a TOML file.

    Returns:
        Its text, what it is called in messages, and where relative paths in it start.

    Raises:
        UserError: If there is no such file, or it is a table.
    """
    text = str(study)
    path = Path(study)
    if text in BUNDLED and not path.is_file():
        content = resources.files(__package__).joinpath(f"{text}.toml").read_text()
        return content, f"{text}.toml", Path.cwd()
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
    return _read_text(path), path.name, path.parent


def read_study(
    text: str, where: str, folder: Path, compares: bool = True
) -> dict[str, Any]:
    """Return the arguments of a `Study`.

    Args:
        text: TOML.
        where: The file's name in messages.
        folder: Relative paths in it start here.
        compares: Whether variants have to be named.

    Raises:
        UserError: Naming the key, what was found and what is accepted.
    """
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where} is not valid TOML: {error}.") from error
    place = Place(where)
    tables = ("name", "title", "data", "tasks", "network", "budget", "variants")
    beside = ("notes", "baselines", "search", "tuning")
    place.refuse_unknown(top, (*tables, *beside))
    name = _text(top, "name", place, Path(where).stem)
    data = _data(top, place, folder)
    network = read(Network(), top.get("network", {}), place.inside("network"))
    budget, repeated = _budget(top.get("budget", {}), place.inside("budget"))
    baselines = read(Baselines(), top.get("baselines", {}), place.inside("baselines"))
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
    return {
        "name": _plain_name(name, place),
        "title": _text(top, "title", place, name),
        "data": data,
        "network": network,
        "budget": budget,
        "variants": variants,
        **repeated,
        "plain": next(v.name for v in variants if v.settings == Settings()),
        "notes": Texts().read(top.get("notes", ()), "notes", place),
        "baselines": baselines,
        "search": space,
        "tuning": tuning,
    }


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
