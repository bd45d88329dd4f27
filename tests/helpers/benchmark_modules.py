"""Programs under `benchmarks`, whose modules find each other by their names."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@contextmanager
def modules_of(folder: str) -> Iterator[None]:
    """Let the modules of a folder be imported by their names; none of them stays.

    Args:
        folder: Its name in `benchmarks`.
    """
    path, before = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(BENCHMARKS / folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(str(BENCHMARKS)):
                del sys.modules[name]
