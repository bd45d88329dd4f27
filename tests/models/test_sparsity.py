import keras
import numpy as np
from keras import layers

from polytask.models import MultiTaskModel
from polytask.models.layer_calls import layer_calls


def set_kernel(layer, kernel):
    layer.kernel.assign(np.array(kernel, "float32"))


def two_heads(width=3):
    x = keras.Input((width,))
    a, b = layers.Dense(1, name="a"), layers.Dense(1, name="b")
    return x, a, b


def test_each_task_uses_the_columns_that_its_weights_reach():
    x, a, b = two_heads()
    model = MultiTaskModel(x, {"a": a(x), "b": b(x)})
    set_kernel(a, [[1.0], [0.0], [0.0]])
    set_kernel(b, [[2.0], [0.0], [-1.0]])
    found = model.sparsity()
    assert found.used_inputs["a"].tolist() == [True, False, False]
    assert found.used_inputs["b"].tolist() == [True, False, True]
    assert found.shared_inputs.tolist() == [True, False, False]
    assert found.unused_inputs.tolist() == [False, True, False]


def test_zeros_and_unused_inputs_are_counted_for_each_kernel():
    x, a, b = two_heads()
    model = MultiTaskModel(x, {"a": a(x), "b": b(x)})
    set_kernel(a, [[1.0], [0.0], [0.0]])
    set_kernel(b, [[2.0], [0.0], [-1.0]])
    found = model.sparsity()
    assert (found.weights, found.zeros) == (6, 3)
    assert [layer.unused_inputs for layer in found.layers] == [2, 1]
    assert "3 of 6 weights are zero (50.0%)" in str(found)
    assert "a: uses 1 of 3 input columns" in str(found)


def test_a_path_is_followed_through_a_nested_trunk_and_its_towers():
    trunk = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2), layers.BatchNormalization(), layers.ReLU()]
    )
    heads = {"a": layers.Dense(1), "b": keras.Sequential([layers.Dense(1)])}
    model = MultiTaskModel.from_trunk(trunk, heads, inputs=keras.Input((3,)))
    set_kernel(trunk.layers[0], [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    set_kernel(heads["a"], [[1.0], [0.0]])
    set_kernel(heads["b"].layers[0], [[0.0], [1.0]])
    used = model.sparsity().used_inputs
    assert used["a"].tolist() == [True, False, False]
    assert used["b"].tolist() == [False, True, False]


def test_a_layer_that_is_not_known_uses_all_it_reads():
    x, a, b = two_heads()
    squared = keras.ops.square(layers.Dense(2, name="first")(x))
    model = MultiTaskModel(x, {"a": a(squared), "b": b(x)})
    set_kernel(model.get_layer("first"), [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    set_kernel(a, [[1.0], [0.0]])
    assert model.sparsity().used_inputs["a"].tolist() == [True, True, False]


def test_a_batch_norm_with_gamma_zero_cuts_the_path():
    x, a, b = two_heads()
    norm = layers.BatchNormalization()
    model = MultiTaskModel(x, {"a": a(norm(x)), "b": b(x)})
    norm.gamma.assign(np.array([1.0, 0.0, 1.0]))
    set_kernel(a, [[1.0], [1.0], [0.0]])
    assert model.sparsity().used_inputs["a"].tolist() == [True, False, False]


def test_a_constant_task_uses_no_column():
    x, a, b = two_heads()
    model = MultiTaskModel(x, {"a": a(x), "b": b(x)})
    set_kernel(a, np.zeros((3, 1)))
    assert not model.sparsity().used_inputs["a"].any()


def test_images_have_no_columns_but_their_kernels_are_counted():
    x = keras.Input((4, 4, 2))
    h = layers.Flatten()(layers.Conv2D(3, 2, name="conv")(x))
    model = MultiTaskModel(x, {"y": layers.Dense(1)(h)})
    kernel = np.ones((2, 2, 2, 3))
    kernel[:, :, 1] = 0.0
    set_kernel(model.get_layer("conv"), kernel)
    found = model.sparsity()
    assert found.used_inputs is None
    assert found.shared_inputs is None
    assert found.layers[0].zeros == 12
    assert found.layers[0].unused_inputs == 1


def test_calls_of_a_nested_model_used_twice_are_listed_twice():
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3, name="twice")])
    x = keras.Input((3,))
    model = keras.Model(x, inner(inner(x)))
    calls = layer_calls(model).calls
    assert [call.layer.name for call in calls] == ["twice", "twice"]
    assert calls[1].inputs == calls[0].outputs
    assert calls[0].path == (inner.name,)


def test_calls_come_after_those_they_depend_on_and_once_each():
    x = keras.Input((2,))
    h = x
    for _ in range(60):
        h = keras.ops.add(h, h)
    found = layer_calls(keras.Model(x, [x, h]))
    assert len(found.calls) == 60
    known = set(found.inputs)
    for call in found.calls:
        assert set(call.inputs) <= known
        known |= set(call.outputs)
    assert set(found.outputs) <= known


def test_a_nested_model_that_is_called_in_inference_mode_stays_closed():
    inner = keras.Sequential([keras.Input((3,)), layers.Dropout(0.5)])
    x = keras.Input((3,))
    (call,) = layer_calls(keras.Model(x, inner(x, training=False))).calls
    assert call.layer is inner
