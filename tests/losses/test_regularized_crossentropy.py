import keras
import numpy as np
import pytest
from keras import layers, losses, ops

from polytask import MultiTaskModel, UserError
from polytask.losses import RegularizedCrossentropy
from tests.helpers.gradients import finite_differences, gradient

rng = np.random.default_rng(0)
LOGITS = rng.normal(size=(6, 3)).astype("float32")
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
SIGMOID = 1 / (1 + np.exp(-LOGITS))
CLASSES = np.array([0, 2, 1, 1, 0, 2], "int32")
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
YES = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0]])
YES = YES.astype("float32")


def value(loss, y_true, y_pred):
    return ops.convert_to_numpy(loss.call(y_true, ops.convert_to_tensor(y_pred)))


@pytest.mark.parametrize(
    ("options", "keras_loss", "y_true", "y_pred"),
    [
        ({}, losses.SparseCategoricalCrossentropy(), CLASSES, SOFTMAX),
        ({}, losses.SparseCategoricalCrossentropy(), CLASSES[:, None], SOFTMAX),
        (
            {"from_logits": True},
            losses.SparseCategoricalCrossentropy(from_logits=True),
            CLASSES,
            LOGITS,
        ),
        (
            {"label_smoothing": 0.2},
            losses.CategoricalCrossentropy(label_smoothing=0.2),
            ONE_HOT,
            SOFTMAX,
        ),
        (
            {"focusing": 2.0},
            losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0),
            ONE_HOT,
            SOFTMAX,
        ),
        (
            {"label_smoothing": 0.2, "independent": True},
            losses.BinaryCrossentropy(label_smoothing=0.2),
            YES,
            SIGMOID,
        ),
        (
            {"focusing": 1.5},
            losses.BinaryFocalCrossentropy(gamma=1.5),
            YES[:, :1],
            SIGMOID[:, :1],
        ),
        (
            {"from_logits": True},
            losses.BinaryCrossentropy(from_logits=True),
            YES[:, :1],
            LOGITS[:, :1],
        ),
    ],
)
def test_where_keras_has_the_loss_it_is_the_same(options, keras_loss, y_true, y_pred):
    found = value(RegularizedCrossentropy(**options), y_true, y_pred)
    np.testing.assert_allclose(found, value(keras_loss, y_true, y_pred), rtol=1e-4)


def test_integers_are_smoothed_like_one_hot_labels():
    loss = RegularizedCrossentropy(label_smoothing=0.3)
    np.testing.assert_allclose(
        value(loss, CLASSES, SOFTMAX), value(loss, ONE_HOT, SOFTMAX), rtol=1e-6
    )


def test_the_confidence_penalty_is_the_negative_entropy():
    plain = value(RegularizedCrossentropy(), CLASSES, SOFTMAX)
    found = value(RegularizedCrossentropy(confidence_penalty=0.5), CLASSES, SOFTMAX)
    entropy = -(SOFTMAX * np.log(SOFTMAX)).sum(1)
    np.testing.assert_allclose(found, plain - 0.5 * entropy, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_that_of_finite_differences():
    loss = RegularizedCrossentropy(0.1, 2.0, 0.3, from_logits=True)

    def total(logits):
        return ops.sum(loss.call(CLASSES, logits))

    np.testing.assert_allclose(
        gradient(total, LOGITS), finite_differences(total, LOGITS), atol=2e-3
    )


def test_the_gradient_is_finite_where_the_network_is_certain():
    loss = RegularizedCrossentropy(0.1, 0.5, 0.3)
    certain = np.array([[1.0, 0.0, 0.0]], "float32")

    def total(p):
        return ops.sum(loss.call(np.array([0]), p))

    assert np.all(np.isfinite(gradient(total, certain)))


def test_rows_without_a_label_do_not_count():
    x = keras.Input((3,))
    outputs = {
        "kind": layers.Dense(3, "softmax")(x),
        "yes": layers.Dense(1, "sigmoid")(x),
    }
    model = MultiTaskModel(x, outputs)
    model.compile("sgd", loss=RegularizedCrossentropy(0.1, 1.0, 0.1), run_eagerly=True)
    kind, yes = CLASSES.copy(), YES[:, 0].copy()
    kind[3:], yes[:2] = -1, np.nan
    labels = {"kind": kind, "yes": yes}
    first = {task: column[:3] for task, column in labels.items()}
    found = model.evaluate(LOGITS, labels, verbose=0, return_dict=True)
    kinds = model.evaluate(LOGITS[:3], first, verbose=0, return_dict=True)
    assert found["kind_loss"] == pytest.approx(kinds["kind_loss"], rel=1e-5)
    assert np.isfinite(found["yes_loss"])


def test_its_configuration_makes_an_equal_loss():
    loss = RegularizedCrossentropy(0.1, 2.0, 0.3, True, True, name="own")
    again = RegularizedCrossentropy.from_config(loss.get_config())
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_smoothing": 1.0}, "label_smoothing must be .* below 1"),
        ({"focusing": -1.0}, "focusing must be"),
        ({"confidence_penalty": float("nan")}, "confidence_penalty must be"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        RegularizedCrossentropy(**options)


def test_labels_of_another_width_are_refused():
    with pytest.raises(UserError, match="takes integers, or one column a class"):
        RegularizedCrossentropy().call(YES[:, :2], SOFTMAX)
