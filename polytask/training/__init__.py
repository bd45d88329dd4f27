"""Train steps: the only place that imports JAX, TensorFlow or PyTorch."""

import keras

if keras.backend.backend() == "jax":
    from polytask.training.jax import TrainStep
elif keras.backend.backend() == "tensorflow":
    from polytask.training.tensorflow import TrainStep  # type: ignore[assignment]
elif keras.backend.backend() == "torch":
    from polytask.training.torch import TrainStep  # type: ignore[assignment]
else:
    raise ImportError(
        f'polytask trains on the Keras backends "jax", "tensorflow" and "torch"; '
        f'KERAS_BACKEND is "{keras.backend.backend()}".'
    )

__all__ = ["TrainStep"]
