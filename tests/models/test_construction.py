import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError


def article_l2():
    from keras.regularizers import l2

    return keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(64, activation="relu", kernel_regularizer=l2(0.01)),
            keras.layers.Dense(1, activation="sigmoid", kernel_regularizer=l2(0.01)),
        ]
    )


def article_dropout():
    return keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def article_batch_norm():
    return keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(64),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


@pytest.mark.parametrize("form", ["alone", "by task"])
def test_a_metric_given_once_has_sums_of_its_own_for_each_task(form):
    x = keras.Input((3,))
    outputs = {task: keras.layers.Dense(1, name=task)(x) for task in ("a", "b")}
    model = MultiTaskModel(x, outputs)
    error = keras.metrics.MeanAbsoluteError(name="error")
    metrics = error if form == "alone" else dict.fromkeys(outputs, error)
    model.compile("sgd", loss="mse", metrics=metrics)
    rows = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    y = {"a": rows[:, 0], "b": 5 * rows[:, 1]}
    logs = model.evaluate(rows, y, verbose=0, return_dict=True)
    for task, output in model.predict(rows, verbose=0).items():
        expected = np.abs(output[:, 0] - y[task]).mean()
        assert logs[f"{task}_error"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("build", [article_l2, article_dropout, article_batch_norm])
def test_the_sequential_models_of_the_article_train_unchanged(build):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 20)).astype("float32")
    y = (x[:, 0] > 0).astype("float32")
    model = MultiTaskModel.from_model(build())
    model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=30, batch_size=16, verbose=0).history
    assert history["accuracy"][-1] > 0.8


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.keras is TensorFlow's own name"
)
def test_models_written_with_tf_keras_are_accepted():
    import tensorflow as tf

    sequential = tf.keras.Sequential(
        [
            tf.keras.Input((20,)),
            tf.keras.layers.Dense(
                4, activation="relu", kernel_regularizer=tf.keras.regularizers.l2(0.01)
            ),
            tf.keras.layers.Dense(1),
        ]
    )
    model = MultiTaskModel.from_model(sequential)
    model.compile(tf.keras.optimizers.Adam(), loss="mse")
    x = np.zeros((8, 20), "float32")
    model.fit(x, np.zeros(8), epochs=1, verbose=0)


def test_from_model_takes_names_from_the_output_layers():
    x = keras.Input((4,))
    h = keras.layers.Dense(8)(x)
    outputs = [keras.layers.Dense(1, name="a")(h), keras.layers.Dense(1, name="b")(h)]
    model = MultiTaskModel.from_model(keras.Model(x, outputs))
    assert model.task_names == ["a", "b"]
    model.compile("sgd", loss=["mse", "mae"], metrics={"a": "mae"})
    rows = np.zeros((8, 4), "float32")
    model.fit(rows, [np.zeros(8), np.zeros(8)], epochs=1, verbose=0)


def test_from_trunk_shares_the_trunk_and_nothing_else():
    trunk = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8)])
    heads = {"a": keras.layers.Dense(1), "b": keras.layers.Dense(2)}
    model = MultiTaskModel.from_trunk(trunk, heads)
    model.compile("sgd", loss="mse")
    shared = {v.path for v in model.shared_variables}
    assert shared == {v.path for v in trunk.trainable_variables}
    private = {t: {v.path for v in vs} for t, vs in model.private_variables.items()}
    assert private == {t: {v.path for v in heads[t].variables} for t in heads}


def test_the_trunk_of_a_chain_of_tasks_includes_the_first_task():
    x = keras.Input((4,))
    click = keras.layers.Dense(1, "sigmoid", name="click")(x)
    joined = keras.layers.Concatenate()([x, click])
    buy = keras.layers.Dense(1, "sigmoid", name="buy")(joined)
    model = MultiTaskModel(x, {"click": click, "buy": buy})
    model.compile("sgd", loss="binary_crossentropy")
    click_layer = model.get_layer("click")
    assert {v.path for v in model.shared_variables} == {
        v.path for v in click_layer.variables
    }
    assert model.private_variables["click"] == []


def test_a_model_that_is_not_functional_is_refused():
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(UserError, match="has no known graph"):
        MultiTaskModel.from_model(Subclassed())


def test_dropout_before_batch_norm_is_warned_of():
    x = keras.Input((4,))
    h = keras.layers.Dropout(0.5, name="early")(keras.layers.Dense(8)(x))
    h = keras.layers.BatchNormalization(name="late")(h)
    model = MultiTaskModel(x, {"a": keras.layers.Dense(1)(h)})
    message = '"early" comes before batch normalization'
    with pytest.warns(UserWarning, match=message) as caught:
        model.compile("sgd", loss="mse")
    assert caught[0].filename == __file__
