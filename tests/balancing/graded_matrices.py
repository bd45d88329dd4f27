"""Task gradients from harmless to degenerate, and how tests call a balancer."""

import functools
from typing import Any

import keras
import numpy as np

from polytask import balancing

SCALES = (1e-6, 1e-3, 1.0, 1e3, 1e6)


def graded() -> dict[str, np.ndarray]:
    """Return Jacobians (T x p) by what is special about them."""
    rng = np.random.default_rng(7)
    base = rng.standard_normal((5, 12))
    ratios = base * np.array([[1e-2], [1.0], [10.0], [0.1], [1e2]])
    duplicate = base.copy()
    duplicate[4] = 3.0 * duplicate[0]
    opposite = base.copy()
    opposite[4] = -2.0 * opposite[0]
    zero = base.copy()
    zero[2] = 0.0
    nearly = base[:1] + 1e-2 * base
    return {
        "two conflicting": np.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]),
        "orthogonal": np.diag([1.0, 2.0, 0.5, 3.0, 1.0]),
        "random": base,
        "aligned": np.abs(base),
        "norms from 0.01 to 100": ratios,
        "duplicate": duplicate,
        "opposite": opposite,
        "zero row": zero,
        "nearly parallel": nearly,
        "rank two": rng.standard_normal((5, 2)) @ rng.standard_normal((2, 12)),
    }


MATRICES = graded()

#: Compiled `weights` of the balancers made by `fresh`.
STEPS: dict[Any, Any] = {}

#: Of these the smallest eigenvalue is far from rounding.
WELL_POSED = (
    "two conflicting",
    "orthogonal",
    "random",
    "aligned",
    "norms from 0.01 to 100",
)

GRAMIAN_METHODS = tuple(
    name
    for name in balancing.names()
    if balancing.get(
        name, **({"task_weights": [1]} if name == "fixed" else {})
    ).requires
    == "gramian"
)

#: Weights that depend on the Gramian alone and not on an order or a state.
DETERMINISTIC = (
    "aligned_mtl",
    "cagrad",
    "config",
    "dualproj",
    "fairgrad",
    "imtl_g",
    "mgda",
    "nash_mtl",
    "upgrad",
)


def gramian_of(jacobian: np.ndarray) -> np.ndarray:
    """Return J J' in float32, from a float64 product."""
    jacobian = np.asarray(jacobian, "float64")
    return (jacobian @ jacobian.T).astype("float32")


@functools.cache
def _built(name, tasks, options):
    """Return a balancer, its compiled `weights`, and its state at the start."""
    balancer = balancing.get(name, **dict(options))
    balancer.build(tasks)
    step = compiled(balancer) if balancer.requires == "gramian" else balancer.weights
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


def compiled(balancer):
    """Return `weights` of a built balancer, compiled as a training step would."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        @jax.jit
        def pure(state, losses, gramian, present):
            pairs = list(zip(balancer.variables, state, strict=True))
            with keras.StatelessScope(state_mapping=pairs) as scope:
                weights = balancer.weights(losses, gramian, present)
            return weights, [scope.get_current_value(v) for v in balancer.variables]

        def call(losses, gramian, present):
            state = [v.value for v in balancer.variables]
            weights, state = pure(state, losses, gramian, present)
            for variable, value in zip(balancer.variables, state, strict=True):
                variable.assign(value)
            return weights

        return call
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(balancer.weights)
    return balancer.weights
