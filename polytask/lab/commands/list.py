"""`polytask list`: what a study file can name."""

import argparse
import inspect
from collections.abc import Mapping
from types import ModuleType

from polytask import balancing, regularizers
from polytask.layers.architectures import ARCHITECTURES
from polytask_options import Settings, options


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    declared = options(Settings)
    _print("Variant options", {name: one.help for name, one in declared.items()})
    _print("Regularizers and task structures", _lines(regularizers))
    _print("Balancers", _lines(balancing))
    _print("Sharing architectures", _first_lines(ARCHITECTURES.classes))


def _lines(family: ModuleType) -> dict[str, str]:
    classes = {name.lower(): value for name, value in vars(family).items()}
    lines = {}
    for name in family.names():
        # Some need arguments, so the class is found by its name where possible.
        member = classes.get(name.replace("_", "")) or type(family.get(name))
        lines[name] = (inspect.getdoc(member) or "").split("\n", 1)[0]
    return lines


def _first_lines(classes: Mapping[str, type]) -> dict[str, str]:
    return {
        name: (inspect.getdoc(member) or "").split("\n", 1)[0]
        for name, member in classes.items()
    }


def _print(title: str, lines: dict[str, str]) -> None:
    print(title)
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"  {name:<{width}}  {text}")
