"""Targets as tables, class weights, and what is said of wrong targets."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 4)).astype("float32")
PRICE = (X[:, 0] - X[:, 1]).astype("float32")
CODE = rng.integers(0, 3, 24)
Y = {"price": PRICE, "code": CODE}
LOSSES = {"price": "mse", "code": "sparse_categorical_crossentropy"}


def build(**options):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(4, "tanh")(x)
    outputs = {
        "price": keras.layers.Dense(1)(h),
        "code": keras.layers.Dense(3, "softmax")(h),
    }
    model = MultiTaskModel(x, outputs)
    model.compile("sgd", loss=LOSSES, **options)
    return model


@pytest.fixture(scope="module")
def model():
    return build()


def test_a_table_and_series_are_targets_like_arrays(model):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"code": CODE, "other": 0, "price": PRICE})
    expected = model.test_on_batch(X, Y)
    assert model.test_on_batch(X, table) == expected
    series = {"price": table["price"], "code": table["code"]}
    assert model.test_on_batch(X, series) == expected
    assert model.test_on_batch(X, [table["price"], table["code"]]) == expected
    history = model.fit(X, table, validation_data=(X, table), verbose=0).history
    assert "val_code_loss" in history
    table["code"] = table["code"].astype("Int64").mask(table.index < 3)
    masked = {"price": PRICE, "code": np.where(np.arange(24) < 3, -1, CODE)}
    np.testing.assert_allclose(
        model.test_on_batch(X, table), model.test_on_batch(X, masked), rtol=1e-6
    )
    with pytest.raises(UserError, match='no column for task "price"; found code'):
        model.fit(X, table[["code"]], verbose=0)
    for text in (["red", "blue"] * 12, pandas.Categorical(["red", "blue"] * 12)):
        with pytest.raises(UserError, match=r'"price" must be numbers.*such as .red'):
            model.fit(X, table.assign(price=text), verbose=0)


def test_the_column_of_another_task_is_no_target():
    pandas = pytest.importorskip("pandas")
    x = keras.Input((4,))
    model = MultiTaskModel(x, {t: keras.layers.Dense(1)(x) for t in ("price", "code")})
    model.compile("sgd", loss={"price": "mse", "code": None})
    table = pandas.DataFrame({"cost": PRICE, "code": CODE})
    expected = model.test_on_batch(X, PRICE[:, None])
    assert model.test_on_batch(X, table[["cost"]]) == expected
    with pytest.raises(UserError, match='no column for task "price"; found code'):
        model.test_on_batch(X, table[["code"]])


def test_lists_of_numbers_are_targets_like_arrays(model):
    listed = {task: values.tolist() for task, values in Y.items()}
    expected = model.test_on_batch(X, Y)
    assert model.test_on_batch(X, listed) == pytest.approx(expected)
    assert model.test_on_batch(X, list(listed.values())) == pytest.approx(expected)


def test_class_weights_weigh_rows_in_training_alone():
    of_code = {0: 5.0, 2: 0.5}
    weight = np.select([CODE == 0, CODE == 2], [5.0, 0.5], 1.0).astype("float32")
    ways = [
        {"class_weight": {"code": of_code}},
        {"sample_weight": {"code": weight}},
    ]
    histories, weights = [], []
    for options in ways:
        model = build(weighted_metrics={"code": ["accuracy"]})
        fitted = model.fit(X, Y, verbose=0, shuffle=False, epochs=2, **options)
        histories.append(fitted.history)
        weights.append(model.get_weights())
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_class_weights_are_for_rows_of_one_class():
    x = keras.Input((5, 4))
    model = MultiTaskModel(x, {"kind": keras.layers.Dense(3, "softmax")(x)})
    model.compile("sgd", loss="sparse_categorical_crossentropy")
    with pytest.raises(UserError, match="weighs rows, each of one class"):
        model.fit(
            np.zeros((2, 5, 4)), np.zeros((2, 5), int), class_weight={"kind": {0: 2.0}}
        )


def test_class_weights_act_on_the_call_that_names_them(model):
    start = model.get_weights()
    losses = []
    for weights in (None, {"code": {0: 9.0}}, None, {"code": {0: 9.0}}):
        model.set_weights(start)
        losses.append(model.train_on_batch(X, Y, class_weight=weights)[0])
    assert losses[0] == losses[2] != losses[1] == losses[3]
    model.set_weights(start)
    history = model.fit(
        X,
        Y,
        batch_size=24,
        validation_data=(X, Y),
        validation_batch_size=24,
        class_weight={"code": {0: 9.0}},
        verbose=0,
    ).history
    np.testing.assert_allclose(history["loss"][0], losses[1], rtol=1e-5)
    assert model.evaluate(X, Y, batch_size=24, verbose=0)[0] == pytest.approx(
        history["val_loss"][0]
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({0: 1.0}, 'names task "0", which is unknown'),
        ({"cod": {0: 1.0}}, 'Did you mean "code"'),
        ({"code": 2.0}, "must be a dict {class: weight}"),
        ({"code": {"red": 2.0}}, "found 'red': 2.0"),
        ({"code": {0: -1.0}}, "found 0: -1.0"),
        ([1.0, 2.0], "must be a dict {task: {class: weight}}; found list"),
    ],
)
def test_wrong_class_weights_are_named(model, weights, message):
    with pytest.raises(UserError) as error:
        model.fit(X, Y, class_weight=weights, verbose=0)
    assert message in str(error.value)


def test_sample_weights_may_name_some_tasks_and_come_with_a_list(model):
    weight = np.arange(24, dtype="float32")
    expected = model.test_on_batch(X, Y, {"price": weight, "code": np.ones(24)})
    some = {"price": weight}
    assert model.test_on_batch(X, Y, some) == pytest.approx(expected)
    listed = [PRICE, CODE]
    assert model.test_on_batch(X, listed, some) == pytest.approx(expected)
    assert model.evaluate(X, listed, sample_weight=some, verbose=0, batch_size=24)
    with pytest.raises(UserError, match='sample_weight names the unknown task "pric"'):
        model.fit(X, Y, sample_weight={"pric": weight}, verbose=0)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            {"price": PRICE, "code": np.array(["a", "b", "c"] * 8)},
            'The targets of task "code" must be numbers; found',
        ),
        (
            {"price": PRICE, "code": CODE + 1},
            'task "code" lie between 1 and 3, but sparse categorical cross-entropy '
            "takes 0 to 2. Subtract 1;",
        ),
        (PRICE, "found one array of shape (rows)"),
        ([PRICE, CODE, CODE], "found a list of 3"),
        ({"price": PRICE}, 'no target for task "code"; found price'),
    ],
)
def test_wrong_targets_are_named_with_their_task(model, y, message):
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(UserError) as error:
            call(X, y)
        assert message in str(error.value)


def sources_of(y):
    """Yield the data sets that Keras takes, with the same targets."""
    yield "generator", ((X, y) for _ in range(2))

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return X, y

    yield "PyDataset", Batches()
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        yield "tf.data", tf.data.Dataset.from_tensor_slices((X, y)).batch(8)
    if backend == "torch":
        import torch

        rows = [(x, {t: v[i] for t, v in y.items()}) for i, x in enumerate(X)]
        yield "DataLoader", torch.utils.data.DataLoader(rows, batch_size=8)


def test_text_and_codes_out_of_range_are_named_in_data_sets_as_in_arrays(model):
    text = {"price": PRICE, "code": np.array(["red", "green", "blue"] * 8)}
    for kind, data in sources_of(text):
        with pytest.raises(UserError, match=r"code. must be numbers; found.*red"):
            model.evaluate(data, verbose=0)
        if kind == "PyDataset":
            with pytest.raises(UserError, match=r"code. must be numbers"):
                model.fit(X, Y, validation_data=data, verbose=0)
    high = ((X, {"price": PRICE, "code": CODE + 1}) for _ in range(2))
    with pytest.raises(UserError, match='task "code" lie between 1 and 3'):
        model.fit(high, verbose=0, shuffle=False)


def test_labels_one_and_two_of_a_binary_task_are_named():
    x = keras.Input((4,))
    model = MultiTaskModel(x, {"click": keras.layers.Dense(1, "sigmoid")(x)})
    model.compile("sgd", loss="binary_crossentropy")
    with pytest.raises(UserError, match=r"between 1 and 2.*takes 0 to 1. Subtract 1;"):
        model.fit(X, {"click": 1 + (PRICE > 0)}, verbose=0)
    missing = np.where(PRICE > 1, np.nan, PRICE > 0)
    model.fit(X, {"click": missing}, verbose=0)
    model.fit(X, np.where(PRICE > 1, -1, PRICE > 0), verbose=0)


def test_a_message_from_within_a_step_names_what_the_user_gave(model):
    batches = [(X, PRICE)]
    with pytest.raises(ValueError, match=r"found one array of shape \(rows\)"):
        model.fit((b for b in batches), steps_per_epoch=1, verbose=0, shuffle=False)
