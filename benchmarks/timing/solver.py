"""The balancer alone, on the Gramian of a real step."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from polytask import balancing
from timing import keras_steps
from timing.network import Network

Run = Callable[[int], None]


class Recorder(balancing.Balancer):
    """Weights of 1, and the last Gramian and losses in the state."""

    requires = "gramian"

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return zeros."""
        square = np.zeros((num_tasks, num_tasks))
        return {"gramian": square, "losses": np.zeros(num_tasks)}

    def compute(
        self, ops: Any, losses: Any, gramian: Any, present: Any, state: Any
    ) -> tuple[Any, Any]:
        """Keep the inputs."""
        return ops.ones_like(losses), {"gramian": gramian, "losses": losses}


def solver_step(network: Network, balancer: str) -> Run:
    """Return a function that computes weights as often as asked, compiled."""
    import polytask

    model = polytask.MultiTaskModel(*keras_steps.keras_networks.build(network))
    recorder = Recorder()
    keras_steps.compile_model(model, network, balancer=recorder)
    x, y = keras_steps.keras_networks.batch(network)
    model.train_on_batch(x, y)
    gramian, losses = (
        keras.ops.convert_to_tensor(recorder.state[name].value)
        for name in ("gramian", "losses")
    )
    chosen = balancing.get(balancer)
    chosen.build(network.tasks)
    present = keras.ops.ones(network.tasks, "bool")
    weights = _compiled(chosen)

    def run(steps: int) -> None:
        for _ in range(steps):
            found = weights(losses, gramian, present)
        float(found[0])

    return run


def _compiled(balancer: Any) -> Callable[..., Any]:
    if keras.backend.backend() == "torch":
        return balancer.weights
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(balancer.weights, jit_compile=True)
    import jax

    @jax.jit
    def stateless(state: Any, losses: Any, gramian: Any, present: Any) -> Any:
        pairs = list(zip(balancer.variables, state, strict=True))
        with keras.StatelessScope(pairs) as scope:
            found = balancer.weights(losses, gramian, present)
            return found, [scope.get_current_value(v) for v in balancer.variables]

    state = [v.value for v in balancer.variables]

    def weights(*arguments: Any) -> Any:
        nonlocal state
        found, state = stateless(state, *arguments)
        return found

    return weights
