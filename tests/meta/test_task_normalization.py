"""Normalization by the rows that an episode is learned from."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, layers, meta


def outputs(model, rows):
    return keras.ops.convert_to_numpy(model(rows)["y"])


def test_tasknorm_normalizes_query_rows_by_the_support_rows_of_their_episode():
    keras.utils.set_random_seed(0)
    x, known = keras.Input((1,), name="x"), keras.Input((), name="known")
    h = keras.layers.Dense(4, activation="tanh")(x)
    h = layers.TaskNormalization()(h, known)
    model = MultiTaskModel({"x": x, "known": known}, {"y": keras.layers.Dense(1)(h)})
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    random = np.random.default_rng(0)
    sources = {}
    for name, slope in (("a", 1.0), ("b", -2.0)):
        rows = random.normal(size=(9, 1))
        sources[name] = {"x": rows}, {"y": slope * rows}
    draws = meta.Episodes(sources, 4, 5, per_step=2, context="known")
    support, query = draws.draw()
    trainer = meta.Trainer(model, inner_rate=0.3)
    found = trainer.evaluate(support, query, steps=0)["y"]
    for episode, loss in enumerate(found):
        rows = {name: values[episode] for name, values in query[0].items()}
        said = outputs(model, rows)[4:]
        error = np.mean((said - query[1]["y"][episode, 4:]) ** 2)
        assert loss == pytest.approx(error, rel=1e-4)
        alone = outputs(model, {**rows, "known": np.zeros(9, "float32")})[4:]
        assert np.abs(alone - said).max() > 1e-2
    before = model.get_weights()
    history = trainer.fit(draws, steps=2)
    assert history["skipped"] == [0, 0]
    for value, after in zip(before, model.get_weights(), strict=True):
        assert np.abs(after - value).max() > 0
