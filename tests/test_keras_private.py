"""A canary: says which private name of Keras a release took away."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import _keras_private as private

VERSION = f"Keras {keras.__version__}"


class Adds(keras.layers.Layer):
    def call(self, x):
        self.add_loss(ops.sum(x))
        return x


@pytest.fixture
def model():
    x = keras.Input((2,), name="x")
    h = keras.layers.Dense(3, name="trunk")(x)
    return keras.Model(x, {"a": Adds(name="a")(h)})


def test_a_tensor_knows_the_layer_and_the_call_it_comes_from(model):
    found = private.origin(model.output["a"])
    assert found.operation.name == "a", VERSION
    assert found.position == 0, VERSION
    (read,) = found.node.input_tensors
    assert private.origin(read).operation.name == "trunk", VERSION
    assert found.node.arguments.args[0] is read, VERSION
    args, kwargs = found.node.arguments.fill_in({id(read): "other"})
    assert (args, kwargs) == (("other",), {}), VERSION


def test_a_model_within_a_model_leaves_the_whole_as_it_was(model, tmp_path):
    x = model.inputs[0]
    part = private.model_between([x], private.origin(model.output["a"]).node.outputs[0])
    assert part.count_params() == model.count_params(), VERSION
    model.save(tmp_path / "model.keras")


def test_a_mask_travels_with_its_tensor():
    masked = keras.layers.Masking()(np.zeros((1, 2, 1), "float32"))
    assert private.carried_mask(masked) is not None, VERSION
    assert private.carried_mask(np.zeros(1)) is None


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX has tracers")
def test_a_mask_travels_with_a_tracer():
    import jax

    @jax.jit
    def mask_of(rows):
        masked = keras.layers.Masking()(rows)
        other = keras.ops.square(masked)
        private.carry_mask(other, private.carried_mask(masked))
        return private.carried_mask(other)

    rows = np.array([[[1.0], [0.0]]], "float32")
    np.testing.assert_array_equal(mask_of(rows), [[True, False]])


def test_all_layers_and_what_they_add_are_found(model):
    model(np.ones((1, 2), "float32"))
    names = {layer.name for layer in private.all_layers(model)}
    assert {"trunk", "a"} <= names, VERSION
    added = private.added_losses(model.get_layer("a"))
    assert len(added) == 1, VERSION


def test_micro_steps_are_counted_beside_updates():
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    variable = keras.Variable(1.0)
    optimizer.build([variable])
    optimizer.apply([ops.ones(())])
    assert int(private.micro_steps(optimizer)) == 1, VERSION
    assert int(optimizer.iterations) == 0, VERSION


def test_an_optimizer_of_a_backend_lies_where_it_is_looked_for():
    module = keras.saving.serialize_keras_object(keras.optimizers.Adam())["module"]
    known = module == "keras.optimizers" or module.startswith(private.BACKEND_MODULES)
    assert known, f"{VERSION}: {module}"
