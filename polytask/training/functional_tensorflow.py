"""Functions of weights on TensorFlow; see `polytask.training.functional`."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras.ops import convert_to_tensor

from polytask._types import Tensor, Variable


def value_and_gradients(
    function: Callable[[list[Tensor]], tuple[Tensor, Any]], values: Sequence[Tensor]
) -> tuple[tuple[Tensor, Any], list[Tensor]]:
    """Return what a function returns and its gradients, differentiable again.

    Args:
        function: Of a list of tensors; returns a scalar, and tensors beside it.
        values: Where.
    """
    values = list(values)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        value, beside = function(values)
    # Outside of the tape, so that only a tape around this call records it.
    gradients = tape.gradient(value, values, unconnected_gradients="zero")
    return (value, beside), gradients


def mapped(function: Callable[[Any], Any], stacks: Any) -> Any:
    """Return a function's results for each entry of stacked arguments, stacked.

    Args:
        function: Takes one entry of the stacks, in their structure.
        stacks: Tensors in tuples, lists and dicts, alike in their first axis.
    """
    # A loop would give the same, but slowly: an operation that cannot be mapped is
    # better named.
    return tf.vectorized_map(function, stacks, fallback_to_while_loop=False)


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
    traced: Callable[..., Any] = tf.function(function)

    def step(*arguments: Any) -> Any:
        # A new array would be a new trace.
        return traced(*keras.tree.map_structure(convert_to_tensor, arguments))

    return step
