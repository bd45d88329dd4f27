"""The table of all techniques says where each of them is, and tells the truth."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from polytask import balancing, regularizers
from polytask.lab.studies.normalizations import NORMALIZATIONS
from polytask.layers.architectures import ARCHITECTURES
from polytask_options import Settings, options
from polytask_options.inventory import inventory
from polytask_options.settings import DROPOUTS

TECHNIQUES = inventory()
# Groups of the catalogue with their numbers of techniques.
SIZES = {"A": 20, "B": 27, "C": 19, "D": 11, "E": 15}
NAMES = {
    "balancer": balancing.names(),
    "dropout_kind": DROPOUTS,
    "mixup_at": ("inputs", "hidden"),
    "normalization_trunk": NORMALIZATIONS,
    "regularizer": regularizers.names(),
    "sharing": ARCHITECTURES.classes,
    "task_structure": regularizers.names(),
}


def resolved(path):
    """Return what an import path names."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(path)


def test_every_technique_of_the_catalogue_is_there_once():
    expected = [f"{group}{n + 1}" for group, size in SIZES.items() for n in range(size)]
    assert list(TECHNIQUES) == expected


@pytest.mark.parametrize("identifier", TECHNIQUES)
def test_every_import_path_leads_somewhere(identifier):
    for path in TECHNIQUES[identifier].imports:
        dotted, argument = re.fullmatch(r"([\w.]+)(?:\((\w+)=\))?", path).groups()
        found = resolved(dotted)
        assert callable(found)
        assert not argument or argument in inspect.signature(found).parameters


@pytest.mark.parametrize("identifier", TECHNIQUES)
def test_every_option_can_be_written_in_a_study(identifier):
    for option in TECHNIQUES[identifier].options:
        key, _, name = option.partition(" = ")
        assert key in options(Settings)
        assert not name or name in NAMES[key]


@pytest.mark.parametrize("identifier", TECHNIQUES)
def test_what_is_absent_or_no_option_says_why_in_a_sentence(identifier):
    technique = TECHNIQUES[identifier]
    assert technique.paper
    assert technique.name
    if not technique.imports or not technique.options:
        assert re.fullmatch(r"[A-Z].*\.", technique.note)
        assert technique.line.endswith(technique.note)


def test_the_identifiers_are_those_of_the_catalogue():
    path = Path(__file__).parent.parent.parent / "shared" / "INVENTORY.md"
    if not path.exists():
        pytest.skip("needs ../shared/INVENTORY.md")
    rows = re.findall(r"^\| ([A-E]\d+) \|", path.read_text("utf-8"), re.MULTILINE)
    assert rows == list(TECHNIQUES)
