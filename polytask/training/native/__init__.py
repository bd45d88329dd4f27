"""Balanced gradients for hand-written training loops.

Import the module of your framework; it needs no Keras layer:

- `polytask.training.native.torch.multitask_backward`
- `polytask.training.native.tensorflow.multitask_gradients`
- `polytask.training.native.jax.multitask_grad`

Keras must run on the same backend (`KERAS_BACKEND`), because balancers are written
in `keras.ops`.
"""
