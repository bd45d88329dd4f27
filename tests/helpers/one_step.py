"""One SGD step of a small network, and the tasks' gradients from other models."""

import keras
import numpy as np

from polytask import MultiTaskModel

RATE = 0.1
TRUNK = ("kernel", "bias")


def build(seed=0, activation="tanh"):
    keras.utils.set_random_seed(seed)
    x = keras.Input((6,))
    h = keras.layers.Dense(5, activation, name="trunk")(x)
    outputs = {t: keras.layers.Dense(1, name=t)(h) for t in ("a", "b", "c")}
    return MultiTaskModel(x, outputs)


def some_batch():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 6)).astype("float32")
    scales = {"a": 1, "b": 3, "c": 9}
    y = {t: s * rng.normal(size=16).astype("float32") for t, s in scales.items()}
    return x, y


def step(batch, losses="mse", model=None, **options):
    """Return how one SGD step moved each variable, in units of the gradient."""
    model = model or build()
    before = {v.path: v.numpy().copy() for v in model.trainable_variables}
    model.compile(keras.optimizers.SGD(RATE), loss=losses, **options)
    model.train_on_batch(*batch)
    moved = {
        v.path: (before[v.path] - v.numpy()) / RATE for v in model.trainable_variables
    }
    return model, moved


def trunk_of(moved):
    """Return the gradient of the trunk as one vector."""
    return np.concatenate([moved[f"trunk/{name}"].ravel() for name in TRUNK])


def rows_of(batch, model=None):
    """Return the tasks' gradients of the trunk and losses, computed in NumPy."""
    x, y = batch
    model = model or build()
    kernel, bias = (v.astype("float64") for v in model.get_layer("trunk").get_weights())
    h = np.tanh(x @ kernel + bias)
    rows, losses = [], []
    for task in "abc":
        head, offset = model.get_layer(task).get_weights()
        there = ~np.isnan(y[task])
        error = np.where(there, (h @ head + offset)[:, 0] - np.nan_to_num(y[task]), 0)
        losses.append(np.sum(error**2) / max(there.sum(), 1))
        slope = 2 * error / max(there.sum(), 1)
        pre = np.outer(slope, head[:, 0]) * (1 - h**2)
        rows.append(np.concatenate([(x.T @ pre).ravel(), pre.sum(axis=0)]))
    return np.array(rows), np.array(losses)


def weights_of(balancer, losses, gramian):
    """Return a balancer's weights as an array."""
    return keras.ops.convert_to_numpy(
        balancer.weights(losses.astype("float32"), gramian.astype("float32"))
    )
