"""Outputs, losses, metrics and targets in every structure that Keras takes."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError

rng = np.random.default_rng(0)
X = rng.normal(size=(16, 4)).astype("float32")
A, B = X[:, :1] - X[:, 1:2], (X[:, 2] > 0).astype("float32")


def build(kind, cls=MultiTaskModel):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(4, "tanh")(x)
    a = keras.layers.Dense(1, name="a")(h)
    b = keras.layers.Dense(1, "sigmoid", name="b")(h)
    outputs = {
        "dict": {"a": a, "b": b},
        "list": [a, b],
        "tuple": (a, b),
        "tensor": a,
        "nested": {"b": {"d": b}, "a": [a]},
    }
    return cls(x, outputs[kind])


@pytest.mark.two_backends
@pytest.mark.parametrize(
    ("kind", "names", "y"),
    [
        ("list", ["a", "b"], [A, B]),
        ("tuple", ["a", "b"], (A, B)),
        ("tensor", ["a"], A),
        ("nested", ["a/a", "b/d"], {"b": {"d": B}, "a": [A]}),
    ],
)
def test_predictions_and_targets_have_the_structure_of_the_outputs(kind, names, y):
    model = build(kind)
    assert model.task_names == names
    losses = ["mse", "binary_crossentropy"][: len(names)]
    model.compile("sgd", loss=losses, metrics=[["mae"], ["mse"]][: len(names)])
    predicted = model.predict(X, verbose=0)
    keras.tree.assert_same_structure(predicted, model.output)
    before = model.evaluate(X, y, verbose=0, return_dict=True)
    model.fit(X, y, epochs=5, verbose=0, validation_data=(X, y))
    assert model.evaluate(X, y, verbose=0, return_dict=True)["loss"] < before["loss"]
    by_name = dict(zip(names, [A, B], strict=False))
    assert model.test_on_batch(X, y)[0] == model.test_on_batch(X, by_name)[0]


def test_a_list_of_outputs_trains_as_in_keras():
    options = {
        "loss": ["mse", "binary_crossentropy"],
        "loss_weights": [0.5, 2.0],
        "metrics": ["mae", ["accuracy", "mse"]],
    }
    histories, weights = [], []
    for cls in (keras.Model, MultiTaskModel):
        model = build("list", cls)
        model.compile("sgd", **options)
        fitted = model.fit(X, [A, B], epochs=2, shuffle=False, verbose=0)
        histories.append(fitted.history)
        weights.append(model.get_weights())
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-4)
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_one_array_is_the_target_where_one_task_has_a_loss():
    model = build("dict")
    model.compile("sgd", loss={"a": "mse", "b": None}, metrics={"a": ["mae"]})
    logs = model.fit(X, A, verbose=0).history
    assert set(logs) == {"loss", "a_mae"}
    assert model.test_on_batch(X, A) == model.test_on_batch(X, {"a": A})


@pytest.mark.parametrize("balancer", ["moco", "db_mtl", "nash_mtl"])
def test_one_task_with_a_loss_is_not_balanced(balancer):
    weights = []
    for chosen in (balancer, "equal"):
        model = build("dict")
        model.compile("sgd", loss={"a": "mse", "b": None}, balancer=chosen)
        model.train_on_batch(X, A)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_list_around_a_loss_is_that_loss_and_two_are_their_sum():
    values = []
    for loss in ("mse", ["mse"], "mae", ["mse", "mae"]):
        model = build("dict")
        model.compile("sgd", loss={"a": loss, "b": None})
        values.append(model.test_on_batch(X, A))
    assert values[0] == values[1]
    np.testing.assert_allclose(values[3], values[0] + values[2], rtol=1e-5)


def test_a_saved_model_keeps_its_structure(tmp_path):
    model = build("list")
    model.compile("sgd", loss=["mse", ["binary_crossentropy"]], loss_weights=[1, 2])
    model.fit(X, [A, B], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(loaded.predict(X), model.predict(X), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert loaded.train_on_batch(X, [A, B]) == model.train_on_batch(X, [A, B])


@pytest.mark.two_backends
def test_the_tasks_of_a_list_balance_as_those_of_a_dict():
    weights = []
    for kind, y in (("dict", {"a": A, "b": B}), ("list", [A, B])):
        model = build(kind)
        model.compile("sgd", loss="mse", balancer="mgda")
        model.fit(X, y, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_outputs_of_one_layer_have_names_of_their_own():
    x = keras.Input((4,))
    layer = keras.layers.Dense(1, name="head")
    model = MultiTaskModel(x, [layer(x), layer(x)])
    assert model.task_names == ["head", "head_1"]


def test_without_any_loss_the_model_trains_its_activity_penalties():
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    outputs = {"a": keras.layers.Dense(2, activity_regularizer="l2")(x)}
    model = MultiTaskModel(x, outputs)
    model.compile("sgd")
    before = np.abs(model.predict(X, verbose=0)["a"]).sum()
    history = model.fit(X, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert np.abs(model.predict(X, verbose=0)["a"]).sum() < before


def test_compile_alone_is_enough_to_predict_and_a_later_one_trains(tmp_path):
    model = build("dict")
    model.compile()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.predict(X, verbose=0)["a"].shape == (16, 1)
    with pytest.raises(UserError, match="No task has a loss"):
        loaded.step_plan  # noqa: B018
    loaded.compile("sgd", loss="mse")
    assert "loss" in loaded.fit(X, {"a": A, "b": B}, verbose=0).history


@pytest.mark.parametrize(
    ("kind", "loss", "message"),
    [
        ("dict", [len, {"a": "mse", "b": "mse"}], '"len" is over the whole structure'),
        ("nested", {"b": "mse", "a": ["mse"]}, 'entry for "b" as a whole'),
        ("list", {"c": "mse"}, 'unknown task "c"'),
        ("tensor", ["mse", keras.losses.MeanAbsoluteError("sum")], "one entry"),
        (
            "dict",
            {"a": ["mse", keras.losses.MeanAbsoluteError("sum")]},
            "one reduction; found sum, sum_over_batch_size",
        ),
    ],
)
def test_a_loss_that_belongs_to_no_task_is_refused_by_name(kind, loss, message):
    with pytest.raises(UserError, match=message):
        build(kind).compile("sgd", loss=loss)


def test_a_task_that_was_left_out_of_the_losses_is_warned_of(recwarn):
    build("dict").compile("sgd", loss={"a": "mse", "b": None})
    assert not [w for w in recwarn if "no loss" in str(w.message)]
    with pytest.warns(UserWarning, match='Task "b" has no loss and is not trained'):
        build("dict").compile("sgd", loss={"a": "mse"})


def test_a_subclass_that_computes_in_call_is_told_how_to_build():
    class Imperative(MultiTaskModel):
        def __init__(self):
            super().__init__()

    with pytest.raises(UserError, match=r"its tasks are not known.*call\(\)"):
        Imperative()

    class Overridden(MultiTaskModel):
        def call(self, x):
            return x

    with pytest.raises(UserError, match=r"Overridden defines call\(\)"):
        build("dict", Overridden).compile("sgd", loss="mse")
