"""A step that is left out is counted, and reads as nothing: not as a loss of 0."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel

OTHERS = ("famo", "mgda", "graddrop", "moco")


def model_on(balancer="equal", activation="sigmoid", units=4, **options):
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    h = keras.layers.Dense(units, activation)(x)
    model = MultiTaskModel(x, {t: keras.layers.Dense(1, name=t)(h) for t in ("a", "b")})
    model.compile(
        keras.optimizers.SGD(0.01),
        loss="mse",
        metrics={"a": ["mae"]},
        balancer=balancer,
        **options,
    )
    return model


def rows(number=8):
    x = np.random.default_rng(0).normal(size=(number, 3)).astype("float32")
    # Copies: what a test does to the inputs is not done to the targets.
    return x, {"a": x[:, :1].copy(), "b": x[:, 1:2].copy()}


def fit(model, x, y, **arguments):
    return model.fit(x, y, batch_size=4, shuffle=False, verbose=0, **arguments).history


def test_an_epoch_without_a_step_reports_nan_for_loss_and_metrics():
    x, y = rows()
    history = fit(model_on(), np.full_like(x, np.nan), y)
    assert history.pop("skipped_steps") == [2.0]
    assert set(history) == {"loss", "a_loss", "b_loss", "a_mae"}
    assert np.isnan(list(history.values())).all()


def test_an_epoch_with_some_steps_reports_the_mean_of_those():
    x, y = rows()
    expected = fit(model_on(), x[:4], {task: v[:4] for task, v in y.items()})
    x[4:] = np.nan
    history = fit(model_on(), x, y)
    assert history.pop("skipped_steps") == [1.0]
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)


@pytest.mark.parametrize(
    ("balancer", "units"),
    # The kernel of 1500 units is large enough to be added row by row.
    [("equal", 4), ("equal", 1500), *((b, 4) for b in OTHERS)],
)
def test_a_gradient_that_is_not_finite_is_left_out_where_all_losses_are(
    balancer, units
):
    model = model_on(balancer, units=units)
    x, y = rows(4)
    # The sigmoid of infinity is 1, with a slope of 0: 0 times infinity.
    x[0, 0] = np.inf
    model.layers[1].kernel.assign(np.ones((3, units)))
    before = [np.array(w) for w in model.get_weights()]
    state = [keras.ops.convert_to_numpy(v) for v in model.balancer.variables]
    history = fit(model, x, y)
    assert history["skipped_steps"] == [1.0]
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, v in zip(state, model.balancer.variables, strict=True):
        # Balancers of the gradients themselves count what they skip.
        if model.balancer.requires != "jacobian" or v.name != "skipped_steps":
            np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(v))


def test_a_probability_that_is_nan_is_left_out_on_every_backend():
    x, y = rows()
    model = model_on()
    probability = keras.layers.Activation("sigmoid")(model.output["a"])
    model = MultiTaskModel(model.input, {"a": probability, "b": model.output["b"]})
    model.compile("sgd", loss={"a": "binary_crossentropy", "b": "mse"})
    y["a"] = (y["a"] > 0).astype("float32")
    expected = model.evaluate(x[4:], {t: v[4:] for t, v in y.items()}, verbose=0)
    x[:4] = np.nan
    assert np.isnan(model.evaluate(x, y, batch_size=4, verbose=0)[0])
    y = {task: np.where(np.isnan(x[:, :1]), np.nan, v) for task, v in y.items()}
    logs = model.evaluate(x, y, batch_size=8, verbose=0)
    np.testing.assert_allclose(logs, expected, rtol=1e-5)
    assert fit(model, x, y)["skipped_steps"] == [1.0]


def test_keras_stops_a_training_that_diverges():
    x, y = rows()
    stop = keras.callbacks.TerminateOnNaN()
    history = fit(model_on(), np.full_like(x, np.nan), y, epochs=5, callbacks=[stop])
    assert len(history["loss"]) == 1
