"""Task gradients from harmless to degenerate, and how tests call a balancer."""

import functools
from typing import Any

import keras
import numpy as np

from polytask import balancing
from polytask.testing.compiled_weights import compiled_weights
from polytask.testing.graded_gradients import graded_gradients
from polytask.testing.graded_gradients import gramian_of as gramian_of

MATRICES = {
    "two conflicting": np.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]),
    **graded_gradients(),
}

#: Compiled `weights` of the balancers made by `fresh`.
STEPS: dict[Any, Any] = {}

GRAMIAN_METHODS = tuple(
    name
    for name in balancing.names()
    if balancing.get(
        name, **({"task_weights": [1]} if name == "fixed" else {})
    ).requires
    == "gramian"
)


@functools.cache
def _built(name, tasks, options):
    """Return a balancer, its compiled `weights`, and its state at the start."""
    balancer = balancing.get(name, **dict(options))
    balancer.build(tasks)
    step = (
        compiled_weights(balancer)
        if balancer.requires == "gramian"
        else balancer.weights
    )
    return balancer, step, [np.array(v.numpy()) for v in balancer.variables]


def fresh(name, tasks, **options):
    """Return the balancer of that name as new; it is compiled only once."""
    balancer, step, start = _built(name, tasks, tuple(options.items()))
    for variable, value in zip(balancer.variables, start, strict=True):
        variable.assign(value)
    STEPS[balancer] = step
    return balancer


def weights_of(balancer, gramian, losses=None, present=None) -> np.ndarray:
    """Return a balancer's weights as float64; the losses default to ones.

    A name means a new balancer; an instance keeps its state.
    """
    tasks = len(gramian)
    if isinstance(balancer, str):
        balancer = fresh(balancer, tasks)
    step = STEPS.get(balancer, balancer.weights)
    losses = np.ones(tasks) if losses is None else losses
    present = np.ones(tasks, bool) if present is None else present
    weights = step(
        keras.ops.convert_to_tensor(np.asarray(losses, "float32")),
        keras.ops.convert_to_tensor(np.asarray(gramian, "float32")),
        keras.ops.convert_to_tensor(np.asarray(present)),
    )
    return keras.ops.convert_to_numpy(weights).astype("float64")


def state_of(balancer) -> list[np.ndarray]:
    """Return copies of a balancer's variables, without the counter of skips."""
    skipped = balancer.skipped_steps
    return [
        np.array(keras.ops.convert_to_numpy(v))
        for v in balancer.variables
        if v is not skipped
    ]
