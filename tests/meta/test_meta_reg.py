"""MetaReg against its closed form: one step of a linear head, and what is shared."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError
from polytask.meta import learn_regularizer
from polytask.regularizers import WeightedL1

rng = np.random.default_rng(0)


def domains(*names, units=1, loss="mse"):
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    outputs = {t: layers.Dense(units, use_bias=False, name=t)(x) for t in names}
    model = MultiTaskModel(x, outputs)
    model.compile("sgd", loss=loss)
    return model


def test_one_round_follows_the_gradient_through_the_inner_step():
    model = domains("a", "b")
    # Each task has one row, many times, so that any batch of it is the same.
    row = {t: rng.normal(size=3).astype("float32") for t in "ab"}
    value = {"a": 1.5, "b": -0.5}
    x = np.stack([row["a"]] * 4 + [row["b"]] * 4)
    y = {
        "a": np.array([1.5] * 4 + [np.nan] * 4),
        "b": np.array([np.nan] * 4 + [-0.5] * 4),
    }
    rate, alpha = 0.7, 0.1
    options = {"inner_steps": 1, "inner_rate": alpha, "rate": rate, "batch_size": 2}
    expected = []
    for own, other in ("ab", "ba"):
        theta = ops.convert_to_numpy(model.get_layer(own).kernel)[:, 0]
        slope = 2 * (row[own] @ theta - value[own]) * row[own]
        moved = theta - alpha * slope
        outer = 2 * (row[other] @ moved - value[other]) * row[other]
        expected.append(np.maximum(rate * alpha * np.sign(theta) * outer, 0.0))
    before = model.get_weights()
    for seed in range(4):
        (found,) = learn_regularizer(model, x, y, rounds=1, seed=seed, **options)
        found = found.weights[:, 0]
        assert any(np.allclose(found, e, rtol=1e-3, atol=1e-6) for e in expected)
        assert np.any(found > 0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_of_what_only_one_domain_has_become_expensive():
    # The second feature tells the target in the one domain, and noise in the other.
    x = rng.normal(size=(200, 3)).astype("float32")
    y = {"a": x[:, 0] + x[:, 1], "b": x[:, 0] - x[:, 1]}
    model = domains("a", "b")
    for task, kernel in (("a", [1.0, 1.0, 0.1]), ("b", [1.0, -1.0, 0.1])):
        model.get_layer(task).kernel.assign(np.array(kernel)[:, None])
    (found,) = learn_regularizer(model, x, y, rounds=60, rate=0.1)
    shared, own, _ = found.weights[:, 0]
    assert own > 10 * shared
    assert isinstance(found, WeightedL1)


@pytest.mark.parametrize(
    ("model", "y", "options", "message"),
    [
        (domains("a"), {"a": np.ones(4)}, {}, 'the task "a" alone'),
        (domains("a", "b"), {"a": np.ones(4)}, {}, 'no target for task "b"'),
        (
            domains("a", "b", loss={"a": "mse", "b": "mae"}),
            {"a": np.ones(4), "b": np.ones(4)},
            {},
            'heads or losses of "a" and "b" differ',
        ),
        (
            domains("a", "b"),
            {"a": np.ones(4), "b": np.full(4, np.nan)},
            {},
            '"b" has no row with a label',
        ),
        (
            domains("a", "b"),
            {"a": np.ones(4), "b": np.ones(4)},
            {"rate": 0},
            "rate must be",
        ),
    ],
)
def test_tasks_that_are_no_domains_are_refused(model, y, options, message):
    with pytest.raises(UserError, match=message):
        learn_regularizer(model, np.ones((4, 3), "float32"), y, **options)
