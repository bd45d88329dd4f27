"""A balancer's weights as a training step computes them."""

from collections.abc import Callable
from typing import Any

import keras

from polytask.balancing import Balancer
from polytask.training.compiled_function import compiled_function


def compiled_weights(balancer: Balancer) -> Callable[[Any, Any, Any], Any]:
    """Return `balancer.weights`, compiled where the backend compiles its steps.

    Args:
        balancer: A built balancer; its state advances with each call.

    Returns:
        `(losses, gramian, present) -> weights`.
    """
    if keras.backend.backend() == "jax":
        return _with_state(balancer)
    return compiled_function(balancer.weights)


def _with_state(balancer: Balancer) -> Callable[[Any, Any, Any], Any]:
    """Return a function that hands the state through a pure compiled one."""

    @compiled_function
    def pure(state: list[Any], losses: Any, gramian: Any, present: Any) -> Any:
        pairs = list(zip(balancer.variables, state, strict=True))
        with keras.StatelessScope(state_mapping=pairs) as scope:
            weights = balancer.weights(losses, gramian, present)
        return weights, [scope.get_current_value(v) for v in balancer.variables]

    def call(losses: Any, gramian: Any, present: Any) -> Any:
        state = [v.value for v in balancer.variables]
        weights, state = pure(state, losses, gramian, present)
        for variable, value in zip(balancer.variables, state, strict=True):
            variable.assign(value)
        return weights

    return call
