"""The step on TensorFlow can be compiled by XLA once and for all."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow can do without"
)

# Of losses, of the Gramian, and one that draws an order and one that keeps gradients.
BALANCERS = ["famo", "mgda", "pcgrad", "moco"]


def compiled(balancer, **options):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(5)(x)
    ends = {task: keras.layers.Dense(1, name=task)(h) for task in "ab"}
    model = MultiTaskModel(x, ends)
    model.compile("adam", loss="mse", balancer=balancer, **options)
    return model


def batch():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(12, 4)).astype("float32")
    return x, {"a": x[:, :1], "b": x[:, 1:2] - x[:, 2:3]}


@pytest.mark.parametrize("balancer", BALANCERS)
def test_nothing_is_sliced_at_a_computed_place(balancer):
    # XLA takes such a place, and all that it is computed from, for a constant: it would
    # compile the step anew at every batch.
    import tensorflow as tf

    model = compiled(balancer)
    model.optimizer.build(model.trainable_variables)
    x, y = batch()
    data = tf.constant(x), {task: tf.constant(target) for task, target in y.items()}
    traced = tf.function(model.train_step).get_concrete_function(data)
    definition = traced.graph.as_graph_def()
    bodies = [definition.node, *(f.node_def for f in definition.library.function)]
    slices = 0
    for nodes in bodies:
        constants = {node.name for node in nodes if node.op == "Const"}
        for node in nodes:
            if node.op == "StridedSlice":
                slices += 1
                assert node.input[1].split(":")[0] in constants, node.name
    assert slices


def test_the_weights_after_training_are_those_without_xla():
    weights = []
    for jit_compile in (False, True):
        model = compiled("mgda", jit_compile=jit_compile)
        model.fit(*batch(), batch_size=4, epochs=3, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
