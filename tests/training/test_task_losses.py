"""Losses of one kind are computed as one stack, and are what each alone would be."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import MultiTaskModel
from polytask.training.task_losses import _kind, task_losses

WIDTHS = {"a": 1, "b": 3, "c": 1, "d": 1, "e": 3}


def compiled(losses, **options):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(5)(x)
    ends = {task: keras.layers.Dense(WIDTHS[task], name=task)(h) for task in losses}
    model = MultiTaskModel(x, ends)
    model.compile("sgd", loss=losses, **options)
    return model


def batch(tasks, missing=True):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(12, 4)).astype("float32")
    y = {
        task: (generator.uniform(size=(12, WIDTHS[task])) > 0.5).astype("float32")
        for task in tasks
    }
    if missing:
        for row, task in enumerate(tasks):
            y[task][: row + 1] = np.nan
    return x, y


def together(model, x, y, weights):
    plan = model.step_plan
    outputs = model(x)
    y = {task: ops.convert_to_tensor(target) for task, target in y.items()}
    weights = {task: ops.convert_to_tensor(weight) for task, weight in weights.items()}
    alone = [
        loss(y[task], outputs[task], weights.get(task))
        for task, loss in zip(plan.graph.tasks, plan.losses, strict=True)
    ]
    kinds = [
        _kind(loss, y[task], outputs[task], weights.get(task))
        for task, loss in zip(plan.graph.tasks, plan.losses, strict=True)
    ]
    found = task_losses(plan, outputs, y, weights)
    return [ops.convert_to_numpy(part) for part in found], alone, kinds


def logits(**options):
    return keras.losses.BinaryCrossentropy(from_logits=True, **options)


@pytest.mark.parametrize(
    ("losses", "kinds"),
    [
        ({"a": "mse", "c": "mse", "d": "mse"}, 1),
        ({"a": "mse", "b": "mse", "c": "mse", "d": "mae", "e": "mse"}, 3),
        ({"a": logits(), "c": "log_cosh", "d": logits()}, 2),
        ({"a": "mse", "c": keras.losses.MeanSquaredError(dtype="float64")}, 2),
        ({"a": logits(), "c": logits(label_smoothing=0.2)}, 2),
        ({"a": keras.losses.Huber(0.5), "c": keras.losses.Huber(2.0)}, 1),
        ({"a": keras.losses.MeanSquaredError(reduction="sum"), "c": "mse"}, 2),
    ],
)
@pytest.mark.parametrize("weighted", [(), ("a", "c"), ("a", "b", "c", "d", "e")])
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")  # of JAX
def test_stacked_losses_are_those_of_each_task_alone(losses, kinds, weighted):
    model = compiled(losses)
    x, y = batch(losses)
    rows = np.random.default_rng(1).integers(0, 3, 12).astype("float32")
    weights = {task: rows * (1 + i) for i, task in enumerate(weighted)}
    weights = {task: w for task, w in weights.items() if task in losses}
    (values, counts), alone, found = together(model, x, y, weights)
    expected = [[ops.convert_to_numpy(part) for part in pair] for pair in alone]
    np.testing.assert_allclose(values, [e[0] for e in expected], rtol=1e-6)
    np.testing.assert_array_equal(counts, [e[1] for e in expected])
    if len(weights) in (0, len(losses)):
        assert len(set(found)) == kinds


def test_a_column_that_the_targets_leave_out_is_put_back_in_a_stack():
    losses = {"a": "mse", "c": "mse"}
    model = compiled(losses)
    x, y = batch(losses)
    flat = {task: target[:, 0] for task, target in y.items()}
    (values, counts), _, kinds = together(model, x, flat, {})
    (expected, expected_counts), _, _ = together(model, x, y, {})
    assert len(set(kinds)) == 1
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(counts, expected_counts)


def test_a_loss_of_the_users_own_is_never_stacked():
    class Own(keras.losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return 2.0 * super().call(y_true, y_pred)

    def function(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

    losses = {"a": Own(), "c": Own(), "d": function}
    _, _, kinds = together(compiled(losses), *batch(losses), {})
    assert kinds == [None, None, None]


def test_wide_outputs_are_not_stacked():
    x = keras.Input((4,))
    ends = {t: keras.layers.Dense(65, name=t)(x) for t in ("a", "b")}
    model = MultiTaskModel(x, ends)
    model.compile("sgd", loss="mse")
    target = np.zeros((12, 65), "float32")
    inputs = np.ones((12, 4), "float32")
    _, _, kinds = together(model, inputs, {"a": target, "b": target}, {})
    assert kinds == [None, None]


def test_a_sigmoid_before_the_cross_entropy_keeps_its_slope_where_it_saturates():
    # TensorFlow's Keras finds the logits behind a sigmoid; a stack would hide them.
    x = keras.Input((1,))
    ends = {
        t: keras.layers.Dense(1, "sigmoid", kernel_initializer="ones", name=t)(x)
        for t in ("a", "b")
    }
    single = keras.Model(x, ends["a"])
    joint = MultiTaskModel(x, ends)
    inputs = np.full((4, 1), -30.0, "float32")
    target = np.ones((4, 1), "float32")
    single.compile("sgd", loss="binary_crossentropy")
    expected = single.train_on_batch(inputs, target)
    joint.compile("sgd", loss="binary_crossentropy")
    found = joint.train_on_batch(inputs, {"a": target, "b": target}, return_dict=True)
    np.testing.assert_allclose(found["b_loss"], expected, rtol=1e-5)


def test_targets_and_weights_may_be_lists():
    losses = {"a": "mse", "c": "mse"}
    model = compiled(losses)
    x, y = batch(losses)
    y = {task: target[:, 0].tolist() for task, target in y.items()}
    weights = {"a": list(range(12)), "c": [1.0] * 12}
    found = model.compute_loss(y=y, y_pred=model(x), sample_weight=weights)
    y, weights = (
        {task: np.array(each[task], "float32") for task in losses}
        for each in (y, weights)
    )
    expected = model.compute_loss(y=y, y_pred=model(x), sample_weight=weights)
    found, expected = (float(ops.convert_to_numpy(loss)) for loss in (found, expected))
    assert found == pytest.approx(expected, rel=1e-6)


def sequence_model(loss):
    keras.utils.set_random_seed(0)
    x = keras.Input((None, 3))
    ends = {t: keras.layers.Dense(1, name=t)(x) for t in ("a", "b")}
    model = MultiTaskModel(x, ends)
    model.compile("sgd", loss=loss)
    return model


def test_sequences_train_whose_length_changes_from_batch_to_batch():
    # TensorFlow then compiles a step for any length.
    model = sequence_model("mse")
    for length in (4, 5, 6):
        x = np.ones((2, length, 3), "float32")
        y = {task: np.ones((2, length, 1), "float32") for task in ("a", "b")}
        expected = model.evaluate(x, y, verbose=0)
        found = model.fit(x, y, epochs=1, verbose=0).history["loss"]
        np.testing.assert_allclose(found, expected[:1], rtol=1e-5)


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size"])
def test_a_column_left_out_of_sequences_means_what_it_means_for_one_task(reduction):
    model = sequence_model(keras.losses.MeanSquaredError(reduction=reduction))
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4, 5, 3)).astype("float32")
    y = {t: generator.normal(size=(4, 5)).astype("float32") for t in ("a", "b")}
    y["a"][0, 1] = np.nan
    (values, counts), alone, _ = together(model, x, y, {})
    expected = [[ops.convert_to_numpy(part) for part in pair] for pair in alone]
    np.testing.assert_allclose(values, [e[0] for e in expected], rtol=1e-6)
    np.testing.assert_array_equal(counts, [e[1] for e in expected])
