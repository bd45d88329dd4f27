"""A stored model is looked at before it is loaded: what it asks for has to be there."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polytask.errors import UserError

#: Entries that a kernel may have, however little the file holds.
_SMALL = 2**26
#: Entries of a kernel for each byte of stored weights, at most.
_PER_BYTE = 64
#: Bytes that a file unpacks to, for each of its own, at most.
_PACKED = 100
# Integers that are no sizes: any number may stand there.
_NO_SIZES = ("seed", "shared_object_id")


def check_model_file(path: Path) -> None:
    """Refuse a model that would take memory out of all proportion to its file.

    A layer's weights are made before the stored ones are read, so a damaged or hostile
    width takes memory that no file of this size can fill.

    Args:
        path: A `.keras` file.

    Raises:
        UserError: If it is no such file, or asks for that much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > _PACKED * path.stat().st_size:
                raise UserError(
                    f"The model {path} is damaged: it unpacks to {unpacked:,} bytes."
                )
            layers = _layers(json.loads(archive.read("config.json")))
    except (KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise UserError(f"The model {path} is damaged: {error}") from error
    widths = sorted((max([0, *_integers(layer)]) for layer in layers), reverse=True)
    rows, columns = [*widths, 1, 1][:2]
    if rows > unpacked or rows * columns > max(_SMALL, _PER_BYTE * unpacked):
        raise UserError(
            f"The model {path} is damaged: it asks for a layer of {rows:,} x "
            f"{columns:,} weights, and its file has {unpacked:,} bytes."
        )


def _layers(model: Any) -> list[Any]:
    layers = model["config"]["layers"] if isinstance(model, dict) else None
    if not isinstance(layers, list):
        raise ValueError("its configuration has no layers")
    # What is said of a layer beside its arguments follows from the others.
    return [layer.get("config") for layer in layers if isinstance(layer, dict)]


def _integers(value: Any) -> Iterator[int]:
    """Yield the sizes in a layer's configuration."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in _NO_SIZES:
                yield from _integers(one)
    elif isinstance(value, list):
        for one in value:
            yield from _integers(one)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value
