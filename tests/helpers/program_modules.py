"""Programs outside the package, whose modules find each other by their names."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def modules_of(folder: str) -> Iterator[None]:
    """Let the modules of a folder be imported by their names; none of them stays.

    Args:
        folder: Its path in the repository.
    """
    path, before = list(sys.path), set(sys.modules)
    place = ROOT / folder
    # A program may import from folders beside its own. A package of their name stays.
    top = place.relative_to(ROOT).parts[0]
    sys.path.insert(0, str(place))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if name.split(".")[0] != top and file.startswith(str(ROOT / top)):
                del sys.modules[name]
