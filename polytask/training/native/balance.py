"""What the native entry points of the three frameworks have in common."""

from typing import Any

import keras
from keras import ops

from polytask import balancing
from polytask.balancing import Balancer
from polytask.errors import UserError
from polytask.training.step import combine, gramian


def prepared(
    balancer: Any, tasks: list[str], shapes: list[tuple[int, ...]], backend: str
) -> Balancer:
    """Return a built balancer for these tasks.

    Args:
        balancer: A name or a `polytask.balancing.Balancer`.
        tasks: Names of the tasks.
        shapes: Shapes of the shared parameters.
        backend: The Keras backend that the caller belongs to.

    Returns:
        The balancer.

    Raises:
        UserError: If Keras runs on another backend, or nothing is shared.
    """
    if keras.backend.backend() != backend:
        raise UserError(
            f'Keras runs on the backend "{keras.backend.backend()}", but this function '
            f'is for "{backend}". Set KERAS_BACKEND={backend} before Python starts.'
        )
    chosen = balancing.get(balancer) or balancing.get("equal")
    assert chosen is not None
    if not shapes and chosen.requires != "losses":
        raise UserError(
            f"{type(chosen).__name__} balances the gradients of shared parameters; "
            "none were given."
        )
    chosen.build(len(tasks), tuple(tasks), tuple(shapes))
    return chosen


def combined(
    balancer: Balancer, losses: Any, rows: list[Any], present: Any = None
) -> tuple[list[Any], Any]:
    """Return the shared gradients and the weights.

    Args:
        balancer: A built balancer.
        losses: (T,) losses.
        rows: For each shared parameter, the (T, ...) stack of gradients.
        present: (T,) bool, or None for all.

    Returns:
        One gradient for each parameter, and (T,) weights.
    """
    if balancer.requires == "jacobian":
        direction = balancer.combine(rows, losses, present)
        return direction, ops.ones_like(losses)
    products = gramian(rows) if balancer.requires == "gramian" else None
    weights = balancer.weights(losses, products, present)
    return combine(rows, weights), weights
