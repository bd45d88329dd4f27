"""Functions of weights on PyTorch; see `polytask.training.functional`."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import torch
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
    differentiated = torch.func.grad_and_value(function, has_aux=True)
    gradients, result = differentiated(list(values))
    return result, gradients


def mapped(function: Callable[[Any], Any], stacks: Any) -> Any:
    """Return a function's results for each entry of stacked arguments, stacked.

    Args:
        function: Takes one entry of the stacks, in their structure.
        stacks: Tensors in tuples, lists and dicts, alike in their first axis.
    """
    return torch.func.vmap(function, randomness="different")(stacks)


def compiled_step(
    function: Callable[..., Any], variables: Sequence[Variable]
) -> Callable[..., Any]:
    """Return a function that moves variables; on PyTorch it runs eagerly.

    Args:
        function: Takes and returns tensors, and assigns some of the variables.
        variables: All that it may assign; they exist already.

    Returns:
        A function of the same arguments.
    """

    def step(*arguments: Any) -> Any:
        # `torch.func` differentiates all the same.
        with torch.no_grad():
            return function(*keras.tree.map_structure(convert_to_tensor, arguments))

    return step
