"""What the outputs of a model are called, whatever structure they come in."""

from collections.abc import Sequence
from typing import Any

import keras

from polytask._keras_private import origin

#: The keys that lead to a value within a structure.
Path = tuple[Any, ...]


def output_paths(output: Any) -> dict[Path, str]:
    """Return the name of each output, as Keras calls it, by its place.

    The outputs of a dict are called by their keys, those of a list, and one alone, by
    the layer they come from; a name that is taken gets a number. The keys of nested
    dicts are joined by a slash.

    Args:
        output: The symbolic outputs of a model.

    Returns:
        Path → name, in the order of the outputs.
    """
    if isinstance(output, dict) and not any(map(keras.tree.is_nested, output.values())):
        # Flattening would sort the keys.
        places = [((key,), tensor) for key, tensor in output.items()]
    else:
        places = keras.tree.flatten_with_path(output)
    names: dict[Path, str] = {}
    for path, tensor in places:
        parts = list(map(str, path))
        if not path or isinstance(path[-1], int):
            parts[-1:] = [origin(tensor).operation.name]
        name = own = "/".join(parts)
        number = 0
        while name in names.values():
            number += 1
            name = f"{own}_{number}"
        names[path] = name
    return names


def tensors_by_task(output: Any) -> dict[str, Any]:
    """Return the symbolic outputs of a model by task name.

    Args:
        output: The symbolic outputs of a model.
    """
    return outputs_by_task(list(output_paths(output).values()), output)


def outputs_by_task(names: Sequence[str], outputs: Any) -> dict[str, Any]:
    """Return outputs by task name.

    Args:
        names: All tasks of the model, in the order of `output_paths`.
        outputs: What the model returned, or such a dict already.
    """
    if isinstance(outputs, dict) and outputs.keys() <= set(names):
        return outputs
    return dict(zip(names, keras.tree.flatten(outputs), strict=True))
