"""Steps of models trained by Keras: polytask's, and the plain one."""

from collections.abc import Callable, Iterator
from typing import Any

import keras

import polytask
from timing import keras_networks
from timing.network import LEARNING_RATE, Network

Run = Callable[[int], None]


def polytask_step(network: Network, balancer: str) -> Run:
    """Return the step of a `MultiTaskModel`."""
    model = polytask.MultiTaskModel(*keras_networks.build(network))
    compile_model(model, network, balancer=balancer)
    return fit_steps(model, keras_networks.batch(network))


def keras_step(network: Network, _: str) -> Run:
    """Return the step of a `keras.Model`: it trains on the sum of the losses."""
    model = keras.Model(*keras_networks.build(network))
    compile_model(model, network)
    return fit_steps(model, keras_networks.batch(network))


def compile_model(model: keras.Model, network: Network, **arguments: Any) -> None:
    """Compile for the mean squared error of every task.

    By XLA on TensorFlow as well, where Keras does so on accelerators only.
    """
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    losses = dict.fromkeys(network.task_names, "mse")
    if keras.backend.backend() == "tensorflow":
        arguments["jit_compile"] = True
    model.compile(optimizer, loss=losses, **arguments)


def fit_steps(model: Any, data: Any) -> Run:
    """Return a function that makes steps as `fit` does, on a batch that is there.

    What `fit` does around a step, such as loading data and calling callbacks, is the
    same for every Keras model and is left out.
    """
    model.optimizer.build(model.trainable_variables)
    model.make_train_function()
    if keras.backend.backend() == "jax":
        return _jax_steps(model, data)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        batches: Any = iter(tf.data.Dataset.from_tensors(data).repeat())
    else:
        batches = None

    def run(steps: int) -> None:
        for _ in range(steps):
            # On PyTorch, Keras hands over a list with one batch.
            logs = model.train_function(batches or [data])
        # Reading a value waits for the device.
        float(logs["loss"])

    return run


def _jax_steps(model: Any, data: Any) -> Run:
    # The state goes round in a circle, as in `fit`, and the model's own is set aside.
    state = model._get_jax_state(
        trainable_variables=True,
        non_trainable_variables=True,
        optimizer_variables=True,
        metrics_variables=True,
        purge_model_variables=True,
    )
    batches = _repeated(data)

    def run(steps: int) -> None:
        nonlocal state
        for _ in range(steps):
            logs, state = model.train_function(state, batches)
        float(logs["loss"])

    return run


def _repeated(data: Any) -> Iterator[Any]:
    while True:
        yield data
