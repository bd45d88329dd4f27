"""Functions of weights on JAX; see `polytask.training.functional`."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras

from polytask._types import Tensor, Variable
from polytask.knob import Knob, bound


def value_and_gradients(
    function: Callable[[list[Tensor]], tuple[Tensor, Any]], values: Sequence[Tensor]
) -> tuple[tuple[Tensor, Any], list[Tensor]]:
    """Return what a function returns and its gradients, differentiable again.

    Args:
        function: Of a list of tensors; returns a scalar, and tensors beside it.
        values: Where.
    """
    result, gradients = jax.value_and_grad(function, has_aux=True)(list(values))
    return result, gradients


def mapped(function: Callable[[Any], Any], stacks: Any) -> Any:
    """Return a function's results for each entry of stacked arguments, stacked.

    Args:
        function: Takes one entry of the stacks, in their structure.
        stacks: Tensors in tuples, lists and dicts, alike in their first axis.
    """
    return jax.vmap(function)(stacks)


def compiled_step(
    function: Callable[..., Any], variables: Sequence[Variable]
) -> Callable[..., Any]:
    """Return a function that moves variables, compiled.

    Args:
        function: Takes and returns tensors, and assigns some of the variables.
        variables: All that it may assign; they exist already.

    Returns:
        A function of the same arguments.
    """

    @jax.jit
    def pure(values: list[Tensor], arguments: Any) -> Any:
        pairs = list(zip(variables, values, strict=True))
        # The optimizer reads its strengths in a scope of its own.
        knobs = [(v, value) for v, value in pairs if isinstance(v, Knob)]
        with bound(knobs), keras.StatelessScope(pairs) as scope:
            result = function(*arguments)
        return result, [scope.get_current_value(v) for v in variables]

    def step(*arguments: Any) -> Any:
        result, values = pure([v.value for v in variables], arguments)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return result

    return step
