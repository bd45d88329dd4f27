"""Parts of a package that are imported when first used."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def loaded_when_used(
    package: str, parts: Iterable[str], classes: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a module's `__getattr__` and `__dir__`, which import parts late.

    Args:
        package: The full name of the package.
        parts: The names of its modules that are to wait.
        classes: Name → module that has it, for classes that are to wait.

    Returns:
        The two functions.
    """
    modules = frozenset(parts)
    holders = dict(classes or {})
    names = modules | holders.keys()

    def find(name: str) -> Any:
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        if name in holders:
            return getattr(importlib.import_module(holders[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed() -> list[str]:
        return sorted(names | vars(importlib.import_module(package)).keys())

    return find, listed
