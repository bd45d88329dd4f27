"""The values a model begins with, as a function of one seed and of its layers' names.

Keras draws a seed for each initializer and each dropout layer from one stream, in the
order in which layers are made, so that one layer more gives all later ones other
weights. Here each gets a seed of its own, by its name: networks that differ in a layer
or a task begin with the same weights and masks everywhere else, and the values of one
more seed take no second model.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from polytask.balancing import Balancer
from polytask.errors import UserError

# Keras takes seeds of 31 bits.
_SEEDS = 2**31 - 1

Values = dict[int, Any]


def initial_values(model: keras.Model, seed: int) -> Values:
    """Return id of a variable → the value it begins with.

    Args:
        model: A built model. Its layers hold the initializers of their weights.
        seed: An integer of at least 0.

    Returns:
        Values of all weights that are random, and of the random states of layers and of
        the balancer, where no seed was given for them. All others begin as they do in
        every new model.

    Raises:
        UserError: If a layer has random weights and no initializer for them.
    """
    values: Values = {}
    for key, layer in _layers(model):
        for index, variable in enumerate(_own_weights(layer)):
            own = f"{key}/{variable.name}/{index}"
            initializer: Any = getattr(layer, f"{variable.name}_initializer", None)
            if "seed" in (config := _config(initializer)):
                if config["seed"] is None:
                    own_seed = derived_seed(seed, own)
                    seeded = type(initializer).from_config({**config, "seed": own_seed})
                    values[id(variable)] = seeded(variable.shape, variable.dtype)
            elif not _is_constant(variable):
                raise UserError(
                    f'The weight "{variable.path}" does not begin as a constant, but '
                    f"{type(layer).__name__} has no {variable.name}_initializer."
                )
        generator = getattr(layer, "seed_generator", None)
        if generator is not None and getattr(layer, "seed", None) is None:
            values[id(generator.state)] = _state(seed, f"{key}/seed")
    for index, balancer in enumerate(_balancers(model)):
        generator = balancer.seed_generator
        if generator is not None and getattr(balancer, "seed", None) is None:
            values[id(generator.state)] = _state(seed, f"balancer/{index}")
    return values


def begin_with(model: keras.Model, seed: int) -> None:
    """Give a new model the values of `initial_values`.

    Args:
        model: A built model, compiled if it has a balancer.
        seed: An integer of at least 0.

    Raises:
        UserError: If a layer has random weights and no initializer for them.
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
        for index, layer in enumerate(outer._flatten_layers()):
            yield f"{outer.name}/{index}", layer


def _own_weights(layer: Any) -> list[keras.Variable]:
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def _balancers(model: Any) -> list[Balancer]:
    """Return the balancer of a compiled model, and those that it combines."""
    plan = getattr(model, "step_plan", None) if getattr(model, "compiled", 0) else None
    if plan is None:
        return []
    inner = [v for v in vars(plan.balancer).values() if isinstance(v, Balancer)]
    return [plan.balancer, *inner]


def _config(initializer: Any) -> dict[str, Any]:
    known = isinstance(initializer, keras.initializers.Initializer)
    return initializer.get_config() if known else {}


def _state(seed: int, name: str) -> np.ndarray:
    return np.array([derived_seed(seed, name), 0], "uint32")


def _is_constant(variable: keras.Variable) -> bool:
    value = keras.ops.convert_to_numpy(variable)
    return bool((value == value.flat[0]).all()) if value.size else True
