"""The content of `study.json`: what was asked, of what, with which software."""

import platform
import sys
from typing import Any

import keras

from polytask.lab.studies.study import Study
from polytask.lab.tables import Dataset

FORMAT = 1


def describe(
    study: Study, dataset: Dataset, command: str, kind: str = "study"
) -> dict[str, Any]:
    """Return the JSON-able description of a study.

    Args:
        study: What was asked for.
        dataset: Its data.
        command: The command line that repeats it.
        kind: `"study"`, or `"fit"` for one model.

    Returns:
        The content of `study.json`.
    """
    request = study.to_dict()
    return {
        "format": FORMAT,
        "kind": kind,
        "name": study.name,
        "title": study.title,
        "created_by": versions(),
        "data": dataset.facts,
        "source": request["data"],
        "tasks": [task.to_dict() for task in dataset.tasks],
        "network": request["network"],
        "budget": request["budget"],
        "variants": request["variants"],
        "seeds": request["seeds"],
        "plain": study.plain,
        "fingerprint": study.fingerprint,
        "command": command,
        "notes": request["notes"],
    }


def versions() -> dict[str, str]:
    """Return the versions of polytask, Python, Keras and the backend."""
    import polytask

    backend = keras.backend.backend()
    return {
        "polytask": polytask.__version__,
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": backend,
        # Loaded by Keras. TensorFlow is published under several names, so not by them.
        "backend_version": str(sys.modules[backend].__version__),
        "platform": f"{platform.system()} {platform.machine()}",
    }
