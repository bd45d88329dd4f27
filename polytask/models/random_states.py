"""The random states of a model's layers, in its `.keras` file."""

from typing import Any

import keras

from polytask.knob import Knob

_PREFIX = "seed_state_"


def random_states(model: keras.Model) -> list[keras.Variable]:
    """Return the states of the model's seed generators.

    Args:
        model: Any model.

    Returns:
        The variables, in a fixed order.
    """
    weights = {id(v) for v in model.weights}
    # Knobs are part of the configuration.
    return [
        v
        for v in model.non_trainable_variables
        if id(v) not in weights and not isinstance(v, Knob)
    ]


def save_random_states(model: keras.Model, store: Any) -> None:
    """Put the random states into the store of a `.keras` file.

    Args:
        model: The model.
        store: What Keras hands to `save_own_variables`.
    """
    for index, state in enumerate(random_states(model)):
        store[f"{_PREFIX}{index}"] = keras.ops.convert_to_numpy(state)


def load_random_states(model: keras.Model, store: Any) -> dict[str, Any]:
    """Take the random states out of the store of a `.keras` file.

    Args:
        model: The model.
        store: What Keras hands to `load_own_variables`.

    Returns:
        The rest of the store. A file without random states changes none.
    """
    contents = {key: store[key] for key in store.keys()}  # noqa: SIM118
    saved = {
        key: contents.pop(key) for key in list(contents) if key.startswith(_PREFIX)
    }
    states = random_states(model)
    if len(saved) == len(states):
        for index, state in enumerate(states):
            state.assign(saved[f"{_PREFIX}{index}"])
    return contents
