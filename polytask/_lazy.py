"""Parts of a package that are imported when first used."""

import importlib
from collections.abc import Callable, Iterable
from types import ModuleType


def loaded_when_used(
    package: str, parts: Iterable[str]
) -> tuple[Callable[[str], ModuleType], Callable[[], list[str]]]:
    """Return a module's `__getattr__` and `__dir__`, which import parts late.

    Args:
        package: The full name of the package.
        parts: The names of its modules that are to wait.

    Returns:
        The two functions.
    """
    names = frozenset(parts)

    def find(name: str) -> ModuleType:
        if name in names:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed() -> list[str]:
        return sorted(names | vars(importlib.import_module(package)).keys())

    return find, listed
