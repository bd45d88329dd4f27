"""Train steps: the only place that imports JAX, TensorFlow or PyTorch."""

import keras

from polytask.training.task_mixture import TaskMixture

if keras.backend.backend() == "jax":
    from polytask.training.jax import TrainStep
    from polytask.training.replicas import assign
elif keras.backend.backend() == "tensorflow":
    from polytask.training.tensorflow import TrainStep  # type: ignore[assignment]
    from polytask.training.tensorflow_replicas import assign
elif keras.backend.backend() == "torch":
    from polytask.training.replicas import assign
    from polytask.training.torch import TrainStep  # type: ignore[assignment]
else:
    raise ImportError(
        f'polytask trains on the Keras backends "jax", "tensorflow" and "torch"; '
        f'KERAS_BACKEND is "{keras.backend.backend()}".'
    )

__all__ = ["TaskMixture", "TrainStep", "assign"]
