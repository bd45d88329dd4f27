"""Models with zeros, and whether a compacted one computes the same."""

import keras
import numpy as np


def randomize(model, seed=0):
    """Give every weight a value that is neither 0 nor 1, as training would."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        value = rng.normal(size=variable.shape)
        variable.assign(np.abs(value) + 0.5 if "variance" in variable.name else value)


def zero(variable, index):
    value = keras.ops.convert_to_numpy(variable).copy()
    value[index] = 0.0
    variable.assign(value)


def data(model, rows=16, seed=1):
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(rows, *t.shape[1:])).astype("float32") for t in model.inputs
    ]


def assert_same_predictions(model, small, columns=None):
    arrays = data(model)
    given = arrays if columns is None else [x[..., columns] for x in arrays]
    expected = predicted(model, arrays if len(arrays) > 1 else arrays[0])
    found = predicted(small, given if len(given) > 1 else given[0])
    assert small.task_names == model.task_names
    for task, values in expected.items():
        scale = np.abs(values).max()
        np.testing.assert_allclose(found[task], values, rtol=1e-6, atol=1e-6 * scale)


def predicted(model, x):
    outputs = model(x, training=False)
    return {task: keras.ops.convert_to_numpy(y) for task, y in outputs.items()}


def layer_of(model, name):
    return next(layer for layer in model.layers if layer.name == name)
