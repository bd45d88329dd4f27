import keras
import numpy as np
import pytest

from polytask import MultiTaskModel


def linear(tasks=("a", "b"), **options):
    x = keras.Input((4,))
    h = keras.layers.Dense(4, kernel_initializer="identity")(x)
    return MultiTaskModel(
        x, {t: keras.layers.Dense(1, name=t, **options)(h) for t in tasks}
    )


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 4)).astype("float32")
    return x, {"a": x[:, 0].copy(), "b": x[:, 1].copy()}


def hide(y, kind):
    """Hide half of the labels of task a; return targets and sample weights."""
    y = {task: values.copy() for task, values in y.items()}
    if kind == "NaN":
        y["a"][::2] = np.nan
        return y, None
    weight = np.ones(32, "float32")
    weight[::2] = 0.0
    return y, {"a": weight, "b": np.ones(32, "float32")}


@pytest.mark.parametrize("kind", ["NaN", "weight 0"])
def test_losses_and_metrics_average_over_labeled_rows(rows, kind):
    x, y = rows
    model = linear()
    model.compile("sgd", loss="mse", metrics={"a": ["mae"]})
    hidden, weights = hide(y, kind)
    logs = model.evaluate(
        x, hidden, sample_weight=weights, batch_size=8, verbose=0, return_dict=True
    )
    error = model.predict(x, verbose=0)["a"][1::2, 0] - y["a"][1::2]
    assert logs["a_loss"] == pytest.approx(np.mean(error**2), rel=1e-5)
    assert logs["a_mae"] == pytest.approx(np.mean(np.abs(error)), rel=1e-5)


def test_a_task_without_any_label_reports_nan_and_not_0(rows):
    x, y = rows
    model = linear()
    model.compile("sgd", loss="mse", metrics={"a": ["mae"], "b": ["mae"]})
    y["a"][:] = np.nan
    logs = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    assert np.isnan([logs.pop("a_loss"), logs.pop("a_mae")]).all()
    assert np.isfinite(list(logs.values())).all()


def test_a_metric_of_a_batch_is_that_of_keras_or_nan_where_a_label_is_missing(rows):
    def largest_error(y_true, y_pred):
        return keras.ops.max(keras.ops.abs(y_true - y_pred))

    x, y = rows
    y = {task: values[:, None] for task, values in y.items()}
    model = linear()
    model.compile("sgd", loss="mse", metrics=[largest_error] * 3)
    logs = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    errors = np.abs(model.predict(x, verbose=0)["a"] - y["a"])
    expected = errors.reshape(4, 8).max(1).mean()
    assert logs["a_largest_error"] == pytest.approx(expected, rel=1e-5)
    y["a"][0] = np.nan
    logs = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    assert np.isnan(logs["a_largest_error"])
    assert np.isfinite(logs["b_largest_error"])


def test_integer_targets_use_the_mask_value():
    x = keras.Input((4,))
    model = MultiTaskModel(x, {"c": keras.layers.Dense(3, "softmax")(x)})
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    features = rng.normal(size=(16, 4)).astype("float32")
    labels = rng.integers(0, 3, 16).astype("int32")
    hidden = labels.copy()
    hidden[:8] = -1
    logs = model.evaluate(features, {"c": hidden}, verbose=0, return_dict=True)
    p = model.predict(features, verbose=0)["c"][8:]
    expected = -np.mean(np.log(p[np.arange(8), labels[8:]]))
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs["accuracy"] == pytest.approx(np.mean(p.argmax(1) == labels[8:]))


def test_no_label_of_unsigned_bytes_is_missing():
    # -1 as a byte is 255, the code of a class.
    x = keras.Input((4,))
    model = MultiTaskModel(x, {"c": keras.layers.Dense(256, "softmax")(x)})
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    features = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    labels = np.array([255, 1] * 4)
    logs = [
        model.evaluate(features, labels.astype(dtype), verbose=0, return_dict=True)
        for dtype in ("uint8", "int32")
    ]
    assert logs[0] == pytest.approx(logs[1], rel=1e-6)


# With several tasks a mean follows the weights from batch to batch as well.
@pytest.mark.parametrize(
    ("tasks", "log", "batch_size"), [(("a",), "loss", 32), (("a", "b"), "a_loss", 8)]
)
def test_a_mean_by_weight_divides_by_the_weights_as_in_keras(
    rows, tasks, log, batch_size
):
    x, y = rows
    loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    model = linear(tasks)
    model.compile("sgd", loss=loss)
    weight = np.arange(32).astype("float32") / 100
    logs = model.evaluate(
        x,
        {task: y[task] for task in tasks},
        sample_weight=dict.fromkeys(tasks, weight),
        batch_size=batch_size,
        verbose=0,
        return_dict=True,
    )
    squares = np.square(model.predict(x, verbose=0)["a"][:, 0] - y["a"])
    expected = np.average(squares, weights=weight)
    assert logs[log] == pytest.approx(expected, rel=1e-5)


def test_training_equals_training_on_the_labeled_rows_alone(rows):
    x, y = rows
    hidden, _ = hide(y, "NaN")
    kept = ~np.isnan(hidden["a"])
    weights = []
    for features, target in ((x, hidden["a"]), (x[kept], hidden["a"][kept])):
        keras.utils.set_random_seed(0)
        model = linear(tasks=("a",))
        model.compile(keras.optimizers.Adam(0.01), loss="mse")
        model.fit(features, {"a": target}, batch_size=32, epochs=5, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.Adam(0.1, weight_decay=0.1),
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),
        lambda: keras.optimizers.RMSprop(0.1),
    ],
    ids=["Adam with decay", "SGD with momentum", "RMSprop"],
)
def test_a_batch_without_a_label_leaves_the_head_where_it_is(rows, optimizer):
    x, y = rows
    model = linear(kernel_regularizer=keras.regularizers.L1(0.1))
    model.compile(optimizer(), loss="mse")
    model.fit(x, y, epochs=1, verbose=0)
    before = model.get_layer("a").get_weights()
    others = model.get_layer("b").get_weights()
    model.fit(x, {"a": np.full(32, np.nan), "b": y["b"]}, epochs=3, verbose=0)
    for a, b in zip(before, model.get_layer("a").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.allclose(others[0], model.get_layer("b").get_weights()[0])


def test_padding_counts_in_no_loss_and_no_metric_and_reaches_no_head():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(8, 4, 3)).astype("float32")
    rows[:, 2:] = 0.0
    y = {"steps": rows[..., :1] + 1, "whole": rows[:, 0, 0].copy()}
    found = []
    for steps in (4, 2):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((None, 3))
        h = keras.layers.Dense(5, "tanh")(keras.layers.Masking()(inputs))
        mean = keras.layers.GlobalAveragePooling1D()(h)
        ends = {"steps": keras.layers.Dense(1)(h), "whole": keras.layers.Dense(1)(mean)}
        model = MultiTaskModel(inputs, ends)
        model.compile("sgd", loss="mse", metrics={"steps": ["mae"]})
        part = {"steps": y["steps"][:, :steps], "whole": y["whole"]}
        logs = model.train_on_batch(rows[:, :steps], part, return_dict=True)
        found.append([*model.get_weights(), *logs.values()])
    for padded, plain in zip(*found, strict=True):
        np.testing.assert_allclose(padded, plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("every", [None, 2], ids=["each batch", "two batches"])
def test_what_tasks_share_rests_where_none_of_them_has_a_label(rows, every):
    x, y = rows
    inputs = keras.Input((4,))
    h = keras.layers.Dense(4, name="all", kernel_regularizer="l1")(inputs)
    ab = keras.layers.Dense(4, name="ab", kernel_regularizer="l1")(h)
    ends = {"a": ab, "b": ab, "c": h}
    model = MultiTaskModel(
        inputs, {task: keras.layers.Dense(1)(end) for task, end in ends.items()}
    )
    optimizer = keras.optimizers.AdamW(0.1, gradient_accumulation_steps=every)
    model.compile(optimizer, loss="mse")
    y = {**y, "c": y["a"]}
    nothing = np.full(32, np.nan, "float32")

    def moved(*labeled):
        """Return the layers that two batches with labels of some tasks move."""
        kernels = {name: model.get_layer(name).kernel for name in ("all", "ab")}
        before = {
            n: np.array(keras.ops.convert_to_numpy(k)) for n, k in kernels.items()
        }
        steps = int(model.optimizer.iterations)
        for task in labeled:
            own = {t: y[t] if t == task else nothing for t in y}
            model.train_on_batch(x, own)
        assert int(model.optimizer.iterations) - steps == 2 // (every or 1)
        return [
            name
            for name, kernel in kernels.items()
            if (keras.ops.convert_to_numpy(kernel) != before[name]).any()
        ]

    assert moved("a", "a") == ["all", "ab"]
    assert moved("c", "c") == ["all"]
    assert moved("", "") == []
    assert moved("b", "") == ["all", "ab"]


@pytest.mark.two_backends
def test_the_average_of_the_weights_goes_to_those_of_a_resting_head(rows):
    x, y = rows
    model = linear()
    optimizer = keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, loss="mse")
    model.fit(x, y, epochs=5, verbose=0)
    kernel = model.get_layer("a").kernel
    absent = {"a": np.full(32, np.nan, "float32"), "b": y["b"]}
    resting = keras.ops.convert_to_numpy(kernel)
    for _ in range(30):
        model.train_on_batch(x, absent)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(kernel), resting, rtol=1e-5)


def test_a_returning_task_finds_its_optimizer_state_unchanged(rows):
    x, y = rows
    absent = {"a": np.full(32, np.nan, "float32"), "b": y["b"]}
    heads = []
    for batches in ([y, y], [y, absent, absent, y]):
        keras.utils.set_random_seed(0)
        x_in = keras.Input((4,))
        outputs = {t: keras.layers.Dense(1)(x_in) for t in ("a", "b")}
        model = MultiTaskModel(x_in, outputs)
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
        for batch in batches:
            model.train_on_batch(x, batch)
        heads.append(model.get_weights()[0])
    np.testing.assert_allclose(heads[0], heads[1], atol=1e-7)


def test_a_head_is_present_if_any_micro_batch_has_its_label(rows):
    x, y = rows
    absent = {"a": np.full(32, np.nan, "float32"), "b": y["b"]}
    model = linear()
    model.compile(keras.optimizers.Adam(0.1, gradient_accumulation_steps=2), loss="mse")
    start = model.private_variables["a"][0].numpy().copy()
    model.train_on_batch(x, y)
    model.train_on_batch(x, absent)
    moved = model.private_variables["a"][0].numpy().copy()
    assert not np.array_equal(start, moved)
    model.train_on_batch(x, absent)
    model.train_on_batch(x, absent)
    np.testing.assert_array_equal(moved, model.private_variables["a"][0].numpy())


def test_a_loss_that_is_not_finite_skips_the_step_and_is_counted(rows):
    x, y = rows
    model = linear()
    model.compile("adam", loss="mse")
    model.fit(x, y, epochs=1, verbose=0)
    before = model.get_weights()
    broken = {"a": y["a"].copy(), "b": y["b"]}
    broken["a"][0] = np.inf
    history = model.fit(x, broken, batch_size=32, epochs=1, verbose=0).history
    assert history["skipped_steps"] == [1.0]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(x, y, epochs=1, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_many_skipped_steps_in_a_row_stop_and_name_the_task(rows):
    x, y = rows
    model = linear()
    model.compile("adam", loss="mse")
    broken = {"a": y["a"], "b": np.full(32, np.inf, "float32")}
    with pytest.raises(ValueError, match='task "b" was not finite'):
        model.fit(x, broken, batch_size=1, epochs=2, verbose=0)


def test_the_cause_named_is_that_of_the_last_skipped_step_alone(rows):
    x, y = rows
    model = linear()
    model.compile("adam", loss="mse")
    late = np.arange(32) >= 10
    broken = {
        "a": np.where(late[:, None], y["a"].reshape(32, -1), np.inf),
        "b": np.where(late, np.inf, 0.0),
    }
    with pytest.raises(
        ValueError,
        match=r'last 20 steps were left out, the last one because .* task "b"',
    ):
        model.fit(x, broken, batch_size=1, shuffle=False, verbose=0)
