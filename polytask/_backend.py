"""Which Keras backend to use when the user named none."""

import importlib.util
import json
import os
import sys
from pathlib import Path

from polytask.errors import UserError, nearest

BACKENDS = ("jax", "tensorflow", "torch")
KERAS_DEFAULT = "tensorflow"


def choose() -> None:
    """Set `KERAS_BACKEND` where only one sensible choice is left.

    A backend named in `KERAS_BACKEND` or in `keras.json` is kept. Keras writes that
    file by itself, with `tensorflow`, the first time it is imported; a file that
    names a backend which is not installed is therefore read as silent. When nothing
    is named and Keras's default is missing, the first installed one of jax and torch
    is taken, and one line on stderr says so.

    Raises:
        UserError: If the named backend is unknown or not installed, or none is.
    """
    named = os.environ.get("KERAS_BACKEND")
    if named:
        _require(named)
        return
    if "keras" in sys.modules or configured() in installed():
        return
    present = installed()
    if not present:
        raise UserError(
            "No backend is installed. Install one of them: "
            + ", ".join(f"pip install {name}" for name in BACKENDS)
            + "."
        )
    if KERAS_DEFAULT in present and len(present) > 1:
        return
    os.environ["KERAS_BACKEND"] = present[0]
    reason = (
        f"the only backend installed is {present[0]}"
        if len(present) == 1
        else f"Keras's default, {KERAS_DEFAULT}, is not installed"
    )
    print(
        f"polytask: using the {present[0]} backend ({reason}; set KERAS_BACKEND to "
        "choose another).",
        file=sys.stderr,
    )


def installed() -> list[str]:
    """Return the backends that can be imported, in the order of preference."""
    return [name for name in BACKENDS if importlib.util.find_spec(name) is not None]


def configured() -> str | None:
    """Return the backend that `keras.json` names, or None."""
    home = os.environ.get("KERAS_HOME")
    path = (Path(home) if home else Path.home() / ".keras") / "keras.json"
    try:
        backend = json.loads(path.read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        # Keras reads a damaged or absent file as an empty one, too.
        return None
    return backend if isinstance(backend, str) else None


def _require(name: str) -> None:
    if name not in BACKENDS:
        raise UserError(
            f'Unknown backend "{name}".{nearest(name, BACKENDS)} '
            f"Accepted: {', '.join(BACKENDS)}."
        )
    if importlib.util.find_spec(name) is None:
        raise UserError(
            f'The backend "{name}" is not installed: '
            f"pip install {name}. "
            f"Installed: {', '.join(installed()) or 'none'}."
        )
