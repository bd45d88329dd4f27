"""Callbacks, files and wrappers of Keras that look into a compiled model."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError

rng = np.random.default_rng(0)
X = rng.normal(size=(32, 4)).astype("float32")
Y = {"a": X[:, :1], "b": (X[:, 1] > 0).astype("float32")}


def build(optimizer="sgd"):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(4, "tanh")(x)
    outputs = {
        "a": keras.layers.Dense(1, dtype="float32")(h),
        "b": keras.layers.Dense(1, "sigmoid", dtype="float32")(h),
    }
    model = MultiTaskModel(x, outputs)
    losses = {"a": "mse", "b": "binary_crossentropy"}
    model.compile(optimizer, loss=losses, metrics={"a": ["mae"], "b": ["auc"]})
    return model


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_average_of_the_weights_can_be_swapped_under_loss_scaling(policy):
    keras.config.set_dtype_policy(policy)
    try:
        inner = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
        model = build(keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0))
        swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[swap])
        averages = inner._model_variables_moving_average
        weights = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
        for weight, average in zip(weights, averages, strict=True):
            average = keras.ops.convert_to_numpy(average)
            np.testing.assert_allclose(weight, average, atol=1e-6)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize(
    ("monitor", "rises"),
    [("val_a_loss", False), ("val_a_mae", False), ("b_auc", True), ("loss", False)],
)
def test_callbacks_know_which_way_a_task_improves(monitor, rises, tmp_path):
    stop = keras.callbacks.EarlyStopping(monitor)
    path = str(tmp_path / "best.keras")
    keep = keras.callbacks.ModelCheckpoint(path, monitor, save_best_only=True)
    callbacks = [stop, keep, keras.callbacks.ReduceLROnPlateau(monitor)]
    build().fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=callbacks)
    for callback in callbacks:
        assert bool(callback._is_improvement(2.0, 1.0)) is rises
    assert keras.models.load_model(path).task_names == ["a", "b"]


def test_callbacks_know_which_way_the_metric_of_one_task_improves():
    x = keras.Input((4,))
    model = MultiTaskModel(x, keras.layers.Dense(1)(x))
    model.compile("sgd", loss="mse", metrics=["mse", "r2_score"])
    falls = keras.callbacks.EarlyStopping("mse")
    rises = keras.callbacks.EarlyStopping("val_r2_score")
    data = (X, Y["a"])
    model.fit(*data, validation_data=data, verbose=0, callbacks=[falls, rises])
    assert falls._is_improvement(1.0, 2.0)
    assert rises._is_improvement(2.0, 1.0)


def test_the_wrapper_for_scikit_learn_takes_a_model_with_one_output():
    pytest.importorskip("sklearn")

    def network(X, y):
        x = keras.Input((X.shape[1],))
        output = keras.layers.Dense(y.shape[1], "softmax")(x)
        model = MultiTaskModel(x, output)
        model.compile(keras.optimizers.Adam(0.1), loss="categorical_crossentropy")
        return model

    options = {"verbose": 0, "epochs": 20}
    labels = np.where(Y["b"] > 0, "yes", "no")
    classifier = keras.wrappers.SKLearnClassifier(network, fit_kwargs=options)
    assert classifier.fit(X, labels).score(X, labels) > 0.9


def test_hdf5_is_refused_for_compiled_models_and_taken_for_weights(tmp_path):
    model = build()
    with pytest.raises(UserError, match="has no place for balancer and penalties"):
        model.save(tmp_path / "model.h5")
    assert not (tmp_path / "model.h5").exists()
    with pytest.raises(UserError, match="has no place for balancer and penalties"):
        keras.saving.save_model(model, tmp_path / "model.h5")
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    other = build()
    other.set_weights([w + 1 for w in other.get_weights()])
    other.load_weights(path)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_model_goes_to_hdf5_without_its_training(tmp_path):
    model = build()
    model.save(tmp_path / "model.h5", include_optimizer=False)
    loaded = keras.models.load_model(tmp_path / "model.h5")
    assert isinstance(loaded, MultiTaskModel)
    assert not loaded.compiled
    np.testing.assert_array_equal(
        loaded.predict(X, verbose=0)["a"], model.predict(X, verbose=0)["a"]
    )


@pytest.mark.slow
@pytest.mark.one_backend
def test_who_loads_a_file_without_polytask_is_told_to_import_it(tmp_path):
    build().save(tmp_path / "model.keras")
    code = f"import keras; keras.models.load_model({str(tmp_path / 'model.keras')!r})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode != 0
    assert "'needs': 'import polytask before loading'" in run.stderr


def test_a_model_without_an_optimizer_is_refused():
    with pytest.raises(UserError, match="optimizer must be an optimizer of Keras"):
        build(None)


def test_a_frozen_model_can_be_fitted_for_its_statistics():
    model = build()
    model.trainable = False
    model.compile("sgd", loss="mse")
    before = model.get_weights()
    assert "a_loss" in model.fit(X, Y, verbose=0).history
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_fit_takes_a_list_of_callbacks_made_by_keras():
    seen = []
    own = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, _: seen.append(epoch)
    )
    model = build()
    callbacks = keras.callbacks.CallbackList([own], add_history=True, model=model)
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=callbacks)
    assert seen == [0, 1]
    assert len(history.history["a_loss"]) == 2
