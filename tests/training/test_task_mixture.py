"""Mixtures of data sets with labels for tasks of their own."""

import math

import keras
import numpy as np
import pytest

import polytask
from polytask.errors import UserError
from polytask.training.task_mixture import TaskMixture


def source(rows, task, start=0, columns=3, labels=None):
    x = np.arange(start, start + rows, dtype="float32")[:, None].repeat(columns, 1)
    y = np.arange(start, start + rows, dtype="float32") if labels is None else labels
    return x, {task: y}


@pytest.mark.parametrize(
    ("temperature", "shares"),
    [
        (1, (0.9009, 0.0901, 0.0090)),
        (2, (0.7061, 0.2233, 0.0706)),
        (5, (0.4934, 0.3113, 0.1964)),
        (math.inf, (1 / 3, 1 / 3, 1 / 3)),
    ],
)
def test_temperature_moves_the_shares_from_proportional_to_equal(temperature, shares):
    sizes = {"a": 100_000, "b": 10_000, "c": 1_000}
    sources = {name: source(rows, name, columns=1) for name, rows in sizes.items()}
    mixture = TaskMixture(sources, 64, temperature=temperature)
    total = sum(n ** (1 / temperature) for n in sizes.values())
    exact = [n ** (1 / temperature) / total for n in sizes.values()]
    np.testing.assert_allclose(mixture.probabilities, exact, rtol=1e-12)
    np.testing.assert_allclose(mixture.probabilities, shares, atol=1e-3)


def test_every_batch_holds_every_data_set_in_its_proportion_up_to_one_row():
    sources = {"a": source(700, "a"), "b": source(250, "b"), "c": source(50, "c")}
    mixture = TaskMixture(sources, 32, steps_per_epoch=200)
    labels = [mixture[step][1] for step in range(200)]
    counts = np.array([[np.isfinite(y[t]).sum() for t in "abc"] for y in labels])
    assert (counts.sum(axis=1) == 32).all()
    expected = 32 * mixture.probabilities
    assert (np.abs(counts - expected) < 1).all()
    # Rounded without bias: the mean has a standard error below 0.5 / √200.
    np.testing.assert_allclose(counts.mean(axis=0), expected, atol=0.12)


def test_each_row_of_a_data_set_comes_once_before_any_comes_again():
    mixture = TaskMixture({"a": source(60, "a")}, 10)
    for _ in range(3):
        seen = np.concatenate([mixture[i][1]["a"] for i in range(len(mixture))])
        np.testing.assert_array_equal(np.sort(seen), np.arange(60))
        mixture.on_epoch_end()


def test_rows_keep_their_own_labels_and_lack_the_others():
    codes = np.arange(100, 140)
    sources = {
        "a": source(60, "value"),
        "b": source(40, "code", start=100, labels=codes),
    }
    x, y = TaskMixture(sources, 20)[0]
    from_a = x[:, 0] < 100
    np.testing.assert_array_equal(y["value"][from_a], x[from_a, 0])
    np.testing.assert_array_equal(y["code"][~from_a], x[~from_a, 0])
    assert np.isnan(y["value"][~from_a]).all()
    assert (y["code"][from_a] == -1).all()
    assert y["code"].dtype.kind == "i"


def test_named_inputs_may_differ_and_the_source_can_be_an_input():
    sources = {
        "a": ({"image": np.ones((4, 2, 2)), "id": np.arange(4)}, {"t": np.ones(4)}),
        "b": ({"image": np.ones((4, 2, 2))}, {"t": np.ones(4)}),
    }
    x, _ = TaskMixture(sources, 8, source_input="source").all_rows()
    np.testing.assert_array_equal(x["source"], [0] * 4 + [1] * 4)
    np.testing.assert_array_equal(x["id"], [0, 1, 2, 3, 0, 0, 0, 0])
    assert x["image"].shape == (8, 2, 2)
    assert x["image"].dtype == np.float32


def test_the_same_seed_gives_the_same_batches():
    sources = {"a": source(60, "a"), "b": source(40, "b")}
    first, second, other = (TaskMixture(sources, 10, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first[3][0], second[3][0])
    assert not np.array_equal(first[3][0], other[3][0])


@pytest.mark.two_backends
def test_a_model_trains_on_a_mixture_and_learns_both_tasks():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 300, 5)).astype("float32")
    sources = {
        "a": (x[0], {"up": x[0, :, :1]}),
        "b": (x[1], {"down": -x[1, :, 1:2]}),
    }
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(16, activation="relu")(inputs)
    outputs = {task: keras.layers.Dense(1)(hidden) for task in ("up", "down")}
    model = polytask.MultiTaskModel(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), loss=dict.fromkeys(outputs, "mse"))
    mixture = TaskMixture(sources, 50)
    history = model.fit(
        mixture, epochs=12, verbose=0, validation_data=mixture.all_rows()
    ).history
    assert history["up_loss"][-1] < 0.1
    assert history["down_loss"][-1] < 0.1
    assert history["val_down_loss"][-1] < 0.1


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        ({}, {}, "at least one data set"),
        ({"a": source(0, "a")}, {}, '"a" of the mixture is empty'),
        ({"a": (np.ones((3, 2)), {"t": np.ones(4)})}, {}, r"has 3 rows, but task"),
        ({"a": (np.ones((3, 2)), np.ones(3))}, {}, "must be a pair"),
        (
            {"a": source(4, "t"), "b": source(4, "t", columns=5)},
            {},
            r'Input "" of the data set "b" has rows of shape \(5,\)',
        ),
        (
            {"a": source(4, "t"), "b": source(4, "t", labels=np.arange(4))},
            {},
            r'Task "t" of the data set "b"',
        ),
        (
            {"a": source(4, "t", labels=np.ones(4, bool))},
            {},
            "no value for a missing label",
        ),
        ({"a": source(4, "t")}, {"temperature": 0}, "temperature must be above 0"),
        ({"a": source(4, "t")}, {"batch_size": 0}, "batch_size must be"),
        ({"a": source(4, "t")}, {"steps_per_epoch": 0}, "steps_per_epoch must be"),
        ({"a": source(4, "t")}, {"source_input": "s"}, "names of their own"),
    ],
)
def test_wrong_input_is_refused_with_what_is_accepted(sources, options, message):
    with pytest.raises(UserError, match=message):
        TaskMixture(sources, **{"batch_size": 2, **options})
