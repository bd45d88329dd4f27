"""Imported for its effect, before JAX: compiled steps are kept on disk.

The seeds of a variant differ in numbers alone, so their step is compiled once.
"""

import os
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.gettempdir()) / "polytask-text-compiled"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(FOLDER))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
