"""Hand-written loops get the gradients that the definition asks for."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError, balancing
from tests.helpers.native_loop import (
    direction,
    gradients,
    native,
    products,
    some_problem,
)

BACKEND = keras.backend.backend()


@pytest.fixture
def problem():
    return some_problem()


@pytest.mark.parametrize("method", ["equal", "mgda", "imtl_g", "nash_mtl", "dwa"])
@pytest.mark.parametrize("place", ["none", "given"])
def test_the_balanced_direction_is_returned(problem, method, place):
    found, own = native(problem, method, place)
    np.testing.assert_allclose(found, direction(problem, method), rtol=1e-3, atol=1e-4)
    for task, gradient in gradients(problem)[3].items():
        np.testing.assert_allclose(own[task], gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", ["none", "given"])
def test_weights_act_on_what_is_shared_and_not_on_the_heads(problem, place):
    found, own = native(problem, balancing.Fixed([2.0, 0.0]), place)
    _, _, rows, expected = gradients(problem)
    np.testing.assert_allclose(found, 2.0 * rows[0], rtol=1e-4, atol=1e-5)
    for task, gradient in expected.items():
        np.testing.assert_allclose(own[task], gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", ["none", "given"])
def test_one_row_at_a_time_returns_the_same_direction(problem, place):
    found, _ = native(problem, "imtl_g", place, jacobian="one_row")
    np.testing.assert_allclose(
        found, direction(problem, "imtl_g"), rtol=1e-3, atol=1e-4
    )


def test_on_the_representation_the_cotangents_are_compared(problem):
    _, ends, _, _ = gradients(problem)
    found, _ = native(problem, balancing.MGDA(on="representation"), "given")
    expected = direction(problem, "mgda", products(ends))
    assert np.abs(expected - direction(problem, "mgda")).max() > 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("place", ["none", "given"])
def test_halves_of_the_batch_are_compared(problem, place):
    even, odd = (gradients(problem, slice(k, None, 2))[2] for k in (0, 1))
    gramian = products(even, odd)
    found, _ = native(problem, "modo", place, halves=True)
    expected = direction(problem, "modo", (gramian + gramian.T) / 2)
    assert np.abs(expected - direction(problem, "modo")).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_weights_are_kept_between_updates(problem):
    x, trunk, heads, y = problem
    losses, _, rows, _ = gradients(problem)
    weights = keras.ops.convert_to_numpy(
        balancing.get("mgda").weights(losses.astype("float32"), products(rows))
    )
    assert abs(weights[0] - weights[1]) > 0.1
    # In the second step the tasks have changed places, but not their weights.
    swapped = x, trunk, {"a": heads["b"], "b": heads["a"]}, {"a": y["b"], "b": y["a"]}
    found, _ = native(problem, balancing.get("mgda", update_every=2), then=swapped)
    expected = np.tensordot(weights, rows[::-1], 1)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", ["equal", "mgda"])
def test_an_absent_task_counts_for_nothing_in_what_is_shared(problem, method):
    _, _, rows, own = gradients(problem)
    found, of_heads = native(problem, method, present=np.array([False, True]))
    np.testing.assert_allclose(found, rows[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_heads["b"], own["b"], rtol=1e-4, atol=1e-5)


def test_a_long_gradient_is_clipped(problem):
    _, _, rows, _ = gradients(problem)
    norms = np.linalg.norm(rows.reshape(2, -1), axis=1)
    short = np.minimum(1.0, norms.min() / norms)
    found, _ = native(problem, "equal", clip_task_gradients=float(norms.min()))
    np.testing.assert_allclose(found, np.tensordot(short, rows, 1), rtol=1e-3)


@pytest.mark.parametrize(
    ("balancer", "message"),
    [
        ("modo", "pass their losses as `halves`"),
        (balancing.MGDA(on="representation"), "where the shared part ends"),
    ],
)
def test_what_is_missing_is_named(problem, balancer, message):
    # AutoGraph raises an error of its own type with the same message.
    kind = Exception if BACKEND == "tensorflow" else UserError
    with pytest.raises(kind, match=message):
        native(problem, balancer)


@pytest.mark.parametrize("balancer", ["equal", "mgda"])
def test_a_shared_parameter_in_a_head_is_refused(balancer):
    if BACKEND == "jax":
        pytest.skip("pytrees hold values, not parameters")
    message = r'heads\["b"\] holds a parameter of shape \(2,\)'
    if BACKEND == "torch":
        import torch

        from polytask.training.native.torch import multitask_backward

        w = torch.nn.Parameter(torch.ones(2))
        losses = {"a": w.sum(), "b": w.square().sum()}
        with pytest.raises(UserError, match=message):
            multitask_backward(losses, [w], {"b": [w]}, balancer=balancer)
        assert w.grad is None
    else:
        import tensorflow as tf

        from polytask.training.native.tensorflow import multitask_gradients

        w = tf.Variable([1.0, 1.0])
        with tf.GradientTape(persistent=True) as tape:
            losses = {"a": tf.reduce_sum(w), "b": tf.reduce_sum(w**2)}
        with pytest.raises(UserError, match=message):
            multitask_gradients(tape, losses, [w], {"b": [w]}, balancer=balancer)


@pytest.mark.skipif(BACKEND == "jax", reason="the heads say which tasks there are")
def test_a_head_of_no_task_is_refused():
    message = "heads names tasks without a loss: c. Tasks: a, b"
    if BACKEND == "torch":
        import torch

        from polytask.training.native.torch import multitask_backward

        w, own = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
        losses = {"a": w.sum(), "b": (w * own).sum()}
        with pytest.raises(UserError, match=message):
            multitask_backward(losses, [w], {"c": [own]})
    else:
        import tensorflow as tf

        from polytask.training.native.tensorflow import multitask_gradients

        w, own = (tf.Variable([1.0, 1.0]) for _ in range(2))
        with tf.GradientTape(persistent=True) as tape:
            losses = {"a": tf.reduce_sum(w), "b": tf.reduce_sum(w * own)}
        with pytest.raises(UserError, match=message):
            multitask_gradients(tape, losses, [w], {"c": [own]})


@pytest.mark.skipif(BACKEND != "torch", reason="only PyTorch has detached tensors")
@pytest.mark.parametrize("balancer", ["equal", "mgda"])
def test_a_detached_representation_is_refused(balancer):
    import torch

    from polytask.training.native.torch import multitask_backward

    w = torch.nn.Parameter(torch.ones(2))
    h = 2 * w
    losses = {"a": h.sum(), "b": h.square().sum()}
    with pytest.raises(UserError, match="not detached"):
        multitask_backward(losses, [w], balancer=balancer, representation=h.detach())


def test_another_backend_is_refused():
    from polytask.training.native.balance import prepared

    other = "torch" if BACKEND != "torch" else "jax"
    with pytest.raises(ValueError, match=f"KERAS_BACKEND={other}"):
        prepared("equal", ["a"], [(1,)], other)


@pytest.mark.skipif(BACKEND != "torch", reason="only PyTorch keeps its stacks")
def test_the_stacks_are_given_up_at_the_end_of_fit():
    from polytask.training.autodiff_torch import _STACKS

    x = keras.Input((3,))
    h = keras.layers.Dense(4)(x)
    model = MultiTaskModel(x, {t: keras.layers.Dense(1, name=t)(h) for t in "ab"})
    model.compile("sgd", loss="mse", balancer="mgda")
    batch = np.ones((8, 3), "float32"), {t: np.ones((8, 1), "float32") for t in "ab"}
    kept_in_between = []
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_, **__: kept_in_between.append(len(_STACKS))
    )
    before = len(_STACKS)
    model.fit(*batch, batch_size=4, epochs=2, verbose=0, callbacks=[look])
    assert kept_in_between == [before + 1] * 4
    assert len(_STACKS) == before


@pytest.mark.skipif(BACKEND != "torch", reason="only PyTorch keeps its stacks")
def test_kept_stacks_are_used_again_and_die_with_the_parameters():
    import gc
    import weakref

    import torch

    from polytask.training.autodiff_torch import TorchGradients
    from polytask.training.task_gradients import HeadGradients

    parameter = torch.nn.Parameter(torch.eye(2))
    for scale in (1.0, 3.0):
        end = parameter @ torch.ones(2)
        cotangents = [[scale * torch.tensor(c)] for c in ([1.0, 0.0], [0.0, 1.0])]
        (stack,) = TorchGradients([end], [parameter], HeadGradients(cotangents)).rows()
        expected = [[[scale, scale], [0, 0]], [[0, 0], [scale, scale]]]
        np.testing.assert_array_equal(stack.numpy(), expected)
    again = TorchGradients([end], [parameter], HeadGradients(cotangents)).rows()[0]
    assert again.data_ptr() == stack.data_ptr()
    kept = weakref.ref(stack)
    del parameter, end, stack, again
    gc.collect()
    assert kept() is None
