"""With `balancer="equal"` and no proximal penalty, it is `keras.Model`."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel


def largest_difference(a, b):
    return max(
        np.abs(p - q).max()
        for p, q in zip(a.get_weights(), b.get_weights(), strict=True)
    )


def train(model, table, losses, epochs=3, optimizer=None, **options):
    x, y = table
    compile_options = {
        k: options.pop(k) for k in ("loss_weights", "metrics") if k in options
    }
    model.compile(
        optimizer or keras.optimizers.Adam(0.01), loss=losses, **compile_options
    )
    options = {"batch_size": 32, "shuffle": False, "verbose": 0} | options
    return model.fit(x, y, epochs=epochs, **options).history


def test_weights_and_history_equal_those_of_a_keras_model(table, network, losses):
    histories, models = [], []
    for cls in (keras.Model, MultiTaskModel):
        model = network(cls, keras.regularizers.L2(1e-3), keras.regularizers.L2(1e-2))
        histories.append(
            train(
                model,
                table,
                losses,
                loss_weights={"click": 1.0, "rating": 0.5},
                metrics={"click": ["accuracy", "AUC"], "rating": ["mae"]},
                validation_data=table,
            )
        )
        models.append(model)
    assert largest_difference(*models) < 1e-5
    assert histories[0].keys() == histories[1].keys()
    for name in histories[0]:
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-4)


def test_activity_penalties_and_added_losses_train_as_in_keras(table, losses):
    models = []
    for cls in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(0)
        x = keras.Input((10,))
        h = keras.layers.Dense(16, "relu", activity_regularizer="l2")(x)
        click = keras.layers.Dense(1, "sigmoid", activity_regularizer="l1")(h)
        model = cls(x, {"click": click, "rating": keras.layers.Dense(1)(h)})
        train(model, table, losses)
        models.append(model)
    assert largest_difference(*models) < 1e-5


def test_sample_weights_per_task_train_as_in_keras(table, network, losses):
    rng = np.random.default_rng(1)
    weights = {t: rng.uniform(0.5, 2.0, 128).astype("float32") for t in losses}
    models = []
    for cls in (keras.Model, MultiTaskModel):
        model = network(cls)
        train(model, table, losses, sample_weight=weights)
        models.append(model)
    assert largest_difference(*models) < 1e-5


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
        lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
        lambda: keras.optimizers.AdamW(
            keras.optimizers.schedules.ExponentialDecay(0.01, 4, 0.9),
            weight_decay=0.01,
            global_clipnorm=1.0,
        ),
    ],
    ids=["accumulation", "ema", "decay, schedule and clipping"],
)
def test_optimizer_options_train_as_in_keras(table, network, losses, optimizer):
    models = []
    for cls in (keras.Model, MultiTaskModel):
        model = network(cls)
        train(model, table, losses, optimizer=optimizer())
        models.append(model)
    assert largest_difference(*models) < 1e-5


@pytest.mark.two_backends
def test_a_model_with_averaged_weights_is_trained_further(table, network, losses):
    x, y = table
    model = network(MultiTaskModel)
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, loss=losses)
    first = model.fit(x, y, verbose=0).history["loss"][-1]
    shown = model.predict_on_batch(x)["click"]
    assert np.array_equal(shown, model.predict_on_batch(x)["click"])
    assert model.fit(x, y, epochs=3, verbose=0).history["loss"][-1] < first


@pytest.mark.two_backends
def test_a_layer_called_in_two_heads_trains_as_in_keras(table, losses):
    models = []
    for cls in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(0)
        x = keras.Input((10,))
        h = keras.layers.Dense(8, "tanh")(x)
        tied = keras.layers.Dense(8, "relu")
        a = tied(keras.layers.Dense(8)(h))
        b = tied(keras.layers.Dense(8)(h))
        outputs = {
            "click": keras.layers.Dense(1, "sigmoid")(a),
            "rating": keras.layers.Dense(1)(b),
        }
        model = cls(x, outputs)
        train(model, table, losses)
        models.append(model)
    assert largest_difference(*models) < 1e-5


def test_integer_inputs_train_as_in_keras(losses):
    rng = np.random.default_rng(0)
    x = rng.integers(1, 20, size=(64, 5))
    y = {
        "click": rng.integers(0, 2, 64).astype("float32"),
        "rating": rng.normal(size=64),
    }
    models = []
    for cls in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(0)
        ids = keras.Input((5,), dtype="int32")
        h = keras.layers.Embedding(20, 8, mask_zero=True)(ids)
        shared = keras.layers.GlobalAveragePooling1D()(h)
        private = keras.layers.GlobalAveragePooling1D()(
            keras.layers.Embedding(20, 4)(ids)
        )
        outputs = {
            "click": keras.layers.Dense(1, "sigmoid")(shared),
            "rating": keras.layers.Dense(1)(
                keras.layers.Concatenate()([shared, private])
            ),
        }
        model = cls(ids, outputs)
        train(model, (x, y), losses)
        models.append(model)
    assert largest_difference(*models) < 1e-5


def test_mixed_precision_trains_as_in_keras(table, network, losses):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        models = []
        for cls in (keras.Model, MultiTaskModel):
            model = network(cls, dropout=0.0)
            train(model, table, losses, epochs=2)
            assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
            models.append(model)
    finally:
        keras.config.set_dtype_policy("float32")
    # Half precision rounds differently where sums are taken in another order.
    assert largest_difference(*models) < 2e-2


def test_loss_on_two_of_three_outputs(table):
    x, y = table
    inputs = keras.Input((10,))
    h = keras.layers.Dense(8)(inputs)
    outputs = {t: keras.layers.Dense(1)(h) for t in ("click", "rating", "unused")}
    model = MultiTaskModel(inputs, outputs)
    model.compile("adam", loss={"click": "mse", "rating": "mse", "unused": None})
    history = model.fit(x, y, epochs=1, verbose=0).history
    assert set(history) == {"loss", "click_loss", "rating_loss"}


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="Keras forbids it on PyTorch"
)
def test_steps_per_execution_gives_the_same_weights(table, network, losses):
    x, y = table
    models = []
    for steps in (1, 2):
        model = network(MultiTaskModel)
        model.compile(
            keras.optimizers.SGD(0.01), loss=losses, steps_per_execution=steps
        )
        model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0)
        models.append(model)
    assert largest_difference(*models) < 1e-6


def test_callbacks_see_the_model_and_change_the_learning_rate(table, network, losses):
    model = network(MultiTaskModel)
    history = train(
        model,
        table,
        losses,
        epochs=4,
        validation_data=table,
        callbacks=[
            keras.callbacks.ReduceLROnPlateau("val_loss", patience=0, min_delta=10.0),
            keras.callbacks.EarlyStopping("val_rating_loss", mode="min", patience=50),
        ],
    )
    assert history["learning_rate"][-1] < history["learning_rate"][0]


def test_clone_model_returns_a_multi_task_model(table, network, losses):
    x, _ = table
    model = network(MultiTaskModel)
    train(model, table, losses)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    assert isinstance(copy, MultiTaskModel)
    np.testing.assert_allclose(
        copy.predict(x, verbose=0)["click"], model.predict(x, verbose=0)["click"]
    )


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="SavedModel needs TensorFlow"
)
def test_an_exported_model_predicts_without_polytask(table, network, losses, tmp_path):
    import tensorflow as tf

    x, _ = table
    model = network(MultiTaskModel, keras.regularizers.L1(1e-3))
    train(model, table, losses)
    model.export(tmp_path / "served", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "served")
    served = loaded.serve(x)
    np.testing.assert_allclose(
        served["click"], model.predict(x, verbose=0)["click"], atol=1e-6
    )


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="JAX always compiles, PyTorch never"
)
def test_jit_compile_gives_the_same_weights(table, network, losses):
    x, y = table
    models = []
    for jit in (False, True):
        model = network(MultiTaskModel, keras.regularizers.L1(1e-3), dropout=0.0)
        model.compile(keras.optimizers.Adam(0.01), loss=losses, jit_compile=jit)
        model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0)
        models.append(model)
    assert largest_difference(*models) < 1e-5
