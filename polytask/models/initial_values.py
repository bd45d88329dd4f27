"""The values a model begins with, as a function of one seed and of its layers' names.

Keras draws a seed for each initializer and each dropout layer from one stream, in the
order in which layers are made, so that one layer more gives all later ones other
weights. Here each gets a seed of its own, by its name: networks that differ in a layer
or a task begin with the same weights and masks everywhere else, and the values of one
more seed take no second model.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from polytask._keras_private import all_layers
from polytask.balancing import Balancer

# Keras takes seeds of 31 bits.
_SEEDS = 2**31 - 1

Values = dict[int, Any]


def initial_values(model: keras.Model, seed: int) -> Values:
    """Return id of a variable → the value it begins with.

    Args:
        model: A built model. Its layers hold the initializers of their weights.
        seed: An integer of at least 0.

    Returns:
        Values of all weights with a random initializer, and of the random states of
        layers and of the balancer, where no seed was given for them. All others begin
        as they do in every new model; see `unknown_beginnings`.
    """
    values: Values = {}
    for name, (layer, variable) in named_weights(model).items():
        initializer = _initializer(layer, variable)
        config = initializer.get_config() if initializer is not None else {}
        if config.get("seed", 0) is None:
            own_seed = derived_seed(seed, name)
            seeded = type(initializer).from_config({**config, "seed": own_seed})
            values[id(variable)] = seeded(variable.shape, variable.dtype)
    for key, layer in _layers(model):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None and getattr(layer, "seed", None) is None:
            values[id(generator.state)] = _state(seed, f"{key}/seed")
    for index, balancer in enumerate(_balancers(model)):
        generator = balancer.seed_generator
        if generator is not None and getattr(balancer, "seed", None) is None:
            values[id(generator.state)] = _state(seed, f"balancer/{index}")
    return values


def unknown_beginnings(model: keras.Model) -> list[str]:
    """Return the paths of weights that may be random in a way that no layer tells.

    Args:
        model: A new model.
    """
    return [
        variable.path
        for layer, variable in named_weights(model).values()
        if _initializer(layer, variable) is None and not _is_constant(variable)
    ]


def begin_with(model: keras.Model, seed: int) -> None:
    """Give a new model the values of `initial_values`.

    Args:
        model: A built model, compiled if it has a balancer.
        seed: An integer of at least 0.
    """
    variables = list(model.variables)
    for balancer in _balancers(model):
        variables += balancer.variables
    values = initial_values(model, seed)
    for variable in variables:
        if id(variable) in values:
            variable.assign(values[id(variable)])


def derived_seed(seed: int, name: str) -> int:
    """Return the seed that belongs to a name.

    Args:
        seed: The seed of the whole training.
        name: What is random.

    Example:
        >>> derived_seed(0, "a") == derived_seed(0, "b")
        False
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "little") % _SEEDS


def _layers(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Return each layer with a name that holds beyond this model.

    Layers inside of another have names that Keras counts up in a session.
    """
    for outer in model.layers:
        counts: Counter[str] = Counter()
        for layer in all_layers(outer):
            # Counted by class: a dropout more leaves the names of kernels as they are.
            kind = type(layer).__name__
            yield f"{outer.name}/{kind}/{counts[kind]}", layer
            counts[kind] += 1


def named_weights(model: keras.Model) -> dict[str, tuple[Any, keras.Variable]]:
    """Return each weight with its layer, by a name that holds beyond this model."""
    return {
        f"{key}/{variable.name}/{index}": (layer, variable)
        for key, layer in _layers(model)
        for index, variable in enumerate(
            [*layer._trainable_variables, *layer._non_trainable_variables]
        )
    }


def _balancers(model: Any) -> list[Balancer]:
    """Return the balancer of a compiled model, and those that it combines."""
    plan = getattr(model, "step_plan", None) if getattr(model, "compiled", 0) else None
    if plan is None:
        return []
    inner = [v for v in vars(plan.balancer).values() if isinstance(v, Balancer)]
    return [plan.balancer, *inner]


def _initializer(layer: Any, variable: keras.Variable) -> Any:
    initializer = getattr(layer, f"{variable.name}_initializer", None)
    return (
        initializer if isinstance(initializer, keras.initializers.Initializer) else None
    )


def _state(seed: int, name: str) -> np.ndarray:
    return np.array([derived_seed(seed, name), 0], "uint32")


def _is_constant(variable: keras.Variable) -> bool:
    value = keras.ops.convert_to_numpy(variable)
    return bool((value == value.flat[0]).all()) if value.size else True
