"""Hard-concrete gates against the formulas of the paper and simulation."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import MultiTaskModel, UserError, compact
from polytask.layers import HardConcreteGate


def gate_layer(log_alpha, **options):
    layer = HardConcreteGate(**options)
    layer.build((None, len(log_alpha)))
    layer.log_alpha.assign(np.asarray(log_alpha, "float32"))
    return layer


def as_numpy(x):
    return ops.convert_to_numpy(x).astype("float64")


def test_probability_and_gate_equal_the_published_formulas():
    layer = gate_layer([0.0, -3.0, 3.0])
    np.testing.assert_allclose(
        as_numpy(layer.open_probability()), [0.8318, 0.1976, 0.9900], atol=1e-4
    )
    np.testing.assert_allclose(as_numpy(layer.gates()), [0.5, 0.0, 1.0], atol=1e-6)
    assert float(ops.convert_to_numpy(layer.gates())[1]) == 0.0


def test_the_share_of_open_gates_in_training_is_their_probability():
    layer = gate_layer(np.repeat([0.0, -3.0, 3.0], 2000), seed=1)
    z = as_numpy(layer(np.ones((1, 6000), "float32"), training=True)).reshape(3, 2000)
    found = np.mean(z != 0, axis=1)
    expected = as_numpy(layer.open_probability())[[0, 2000, 4000]]
    # Four standard errors of a share of 2000.
    error = 4 * np.sqrt(expected * (1 - expected) / 2000)
    assert np.all(np.abs(found - expected) < error)
    assert np.all(np.any(z == 1, axis=1))


def test_all_rows_of_a_batch_see_the_same_gates_and_each_call_new_ones():
    layer = gate_layer(np.zeros(50), seed=2)
    x = np.ones((4, 50), "float32")
    first, second = as_numpy(layer(x, training=True)), as_numpy(layer(x, training=True))
    np.testing.assert_array_equal(first, np.broadcast_to(first[0], first.shape))
    assert not np.array_equal(first, second)


def test_the_penalty_is_the_expected_number_of_open_gates():
    layer = gate_layer([0.0, -3.0, 3.0], strength=0.5)
    expected = 0.5 * as_numpy(layer.open_probability()).sum()
    assert float(sum(layer.losses)) == pytest.approx(expected, rel=1e-5)


def test_the_open_rate_sets_the_start():
    layer = HardConcreteGate(open_rate=0.7)
    layer.build((None, 4))
    np.testing.assert_allclose(as_numpy(layer.open_probability()), 0.7, atol=1e-5)


def gated_model(strength):
    keras.utils.set_random_seed(0)
    x = keras.Input((8,))
    gated = {t: HardConcreteGate(strength, seed=i)(x) for i, t in enumerate("ab")}
    heads = {t: keras.layers.Dense(1, name=t)(gated[t]) for t in "ab"}
    return MultiTaskModel(x, heads)


@pytest.mark.two_backends
def test_each_task_closes_the_gates_of_features_that_it_does_not_need():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 8)).astype("float32")
    y = {"a": x[:, 0] - x[:, 1], "b": x[:, 2] + x[:, 3]}
    model = gated_model(0.1)
    model.compile(keras.optimizers.Adam(0.05), loss="mse")
    model.fit(x, y, batch_size=64, epochs=60, verbose=0)
    layers = [v for v in model.layers if isinstance(v, HardConcreteGate)]
    opened = [as_numpy(layer.gates()) > 0 for layer in layers]
    np.testing.assert_array_equal(opened[0], [1, 1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(opened[1], [0, 0, 1, 1, 0, 0, 0, 0])
    small = compact(model)
    np.testing.assert_allclose(
        as_numpy(small(x)["a"]), as_numpy(model(x)["a"]), atol=1e-5
    )


def test_a_file_keeps_the_gates(tmp_path):
    model = gated_model(0.1)
    model.compile("adam", loss="mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.ones((2, 8), "float32")
    np.testing.assert_allclose(as_numpy(model(x)["a"]), as_numpy(loaded(x)["a"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": -1.0}, "strength must be"),
        ({"strength": float("nan")}, "strength must be"),
        ({"open_rate": 1.0}, "open_rate must be"),
        ({"open_rate": 0.0}, "open_rate must be"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(UserError, match=message):
        HardConcreteGate(**options)
