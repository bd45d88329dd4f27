import keras
import numpy as np
import pytest
from keras import layers

from polytask import MultiTaskModel, UserError, predict_samples
from polytask.layers import DropConnect

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(20, 3)).astype("float32")


def network(trunk_rate, tower_rate):
    x = keras.Input((3,))
    h = layers.Dense(16, "relu")(layers.BatchNormalization(name="norm")(x))
    h = layers.Dropout(trunk_rate, seed=1)(h) if trunk_rate else h
    heads = {}
    for task in ("a", "b"):
        tower = layers.Dense(8)(h)
        tower = layers.Dropout(tower_rate, seed=2)(tower) if tower_rate else tower
        heads[task] = layers.Dense(1)(tower)
    return MultiTaskModel(x, heads)


@pytest.mark.slow
@pytest.mark.two_backends
def test_samples_differ_and_have_the_prediction_as_their_mean():
    # Linear towers: there the mean over dropout is the prediction itself.
    model = network(0.0, 0.3)
    drawn = predict_samples(model, ROWS, samples=400, batch_size=20)
    predicted = model.predict(ROWS, verbose=0)
    for task, samples in drawn.items():
        assert samples.shape == (400, 20, 1)
        spread = samples.std(axis=0)
        assert np.all(spread > 0)
        distance = np.abs(samples.mean(axis=0) - predicted[task])
        assert np.all(distance < 5 * spread / np.sqrt(400))


def test_batch_normalization_stays_at_inference():
    model = network(0.5, 0.0)
    norm = model.get_layer("norm")
    before = [np.array(w) for w in norm.get_weights()]
    drawn = predict_samples(model, 5 + ROWS, samples=3, batch_size=7)
    for old, new in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not np.array_equal(drawn["a"][0], drawn["a"][1])


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_the_trunk_runs_once_where_only_towers_are_random(rate, monkeypatch):
    model = network(rate, 0.5)
    calls = []
    first = model.get_layer("norm")
    original = first.call

    def counted(*args, **kwargs):
        calls.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(type(first), "call", lambda self, *a, **k: counted(*a, **k))
    predict_samples(model, ROWS, samples=4, batch_size=20)
    assert len(calls) == (4 if rate else 1)


def test_tasks_share_the_sample_of_the_trunk():
    x = keras.Input((3,))
    h = DropConnect(5, 0.5, seed=1)(x)
    model = MultiTaskModel(
        x, {"a": layers.Rescaling(1.0)(h), "b": layers.Rescaling(2.0)(h)}
    )
    drawn = predict_samples(model, ROWS, samples=2)
    np.testing.assert_allclose(2 * drawn["a"], drawn["b"], rtol=1e-6)


def test_a_network_without_anything_random_is_refused():
    with pytest.raises(UserError, match="needs a layer that is random"):
        predict_samples(network(0.0, 0.0), ROWS)


def test_a_batch_of_no_rows_is_refused():
    with pytest.raises(UserError, match="batch_size must be an integer, at least 1"):
        predict_samples(network(0.0, 0.3), ROWS, batch_size=0)


def test_a_number_of_samples_below_one_is_refused():
    with pytest.raises(UserError, match="samples must be an integer, at least 1"):
        predict_samples(network(0.5, 0.0), ROWS, samples=0)
