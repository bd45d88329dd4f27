"""Decoupled weight decay by scope: trunk, towers, heads."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError

RATE, DECAY = 0.1, 0.5


def network(**compile_options):
    """An embedding and a trunk layer, and per task a tower layer and a head."""
    keras.utils.set_random_seed(0)
    ids = keras.Input((1,), dtype="int32")
    h = keras.layers.Flatten()(keras.layers.Embedding(3, 4, name="ids")(ids))
    h = keras.layers.Dense(4, name="trunk")(h)
    h = keras.layers.BatchNormalization(name="norm")(h)
    outputs = {}
    for task in "ab":
        tower = keras.layers.Dense(4, name=f"tower_{task}")(h)
        outputs[task] = keras.layers.Dense(1, name=f"head_{task}")(tower)
    model = MultiTaskModel(ids, outputs)
    # Without a loss there are no gradients: what moves, decays.
    options = {"optimizer": keras.optimizers.Adam(RATE), **compile_options}
    model.compile(loss=zero_loss, **options)
    return model


@keras.saving.register_keras_serializable(package="test_weight_decay")
def zero_loss(y, prediction):
    return 0.0 * keras.ops.mean(prediction, axis=-1)


def train(model, steps=1, absent=()):
    x = np.zeros((2, 1), "int32")
    y = {t: np.full(2, np.nan if t in absent else 0.0, "float32") for t in "ab"}
    before = {v.path: keras.ops.convert_to_numpy(v).copy() for v in model.variables}
    for _ in range(steps):
        model.train_on_batch(x, y)
    return before


def factors(model, before):
    """Return by how much each kernel shrank; other variables must not have moved."""
    found = {}
    for variable in model.trainable_variables:
        old, new = before[variable.path], keras.ops.convert_to_numpy(variable)
        if np.array_equal(old, new):
            continue
        found[variable.path.split("/")[-2]] = float((new / old).mean())
        np.testing.assert_allclose(new, old * (new / old).mean(), rtol=1e-5)
    return found


def test_one_rate_shrinks_every_kernel_but_no_bias_norm_or_embedding():
    model = network(weight_decay=DECAY)
    found = factors(model, train(model))
    layers = ["trunk", "tower_a", "tower_b", "head_a", "head_b"]
    assert found == pytest.approx(dict.fromkeys(layers, 1 - RATE * DECAY), rel=1e-5)


@pytest.mark.two_backends
def test_scopes_have_rates_of_their_own():
    model = network(weight_decay={"trunk": 0.1, "head": 0.4})
    expected = {"trunk": 0.99, "head_a": 0.96, "head_b": 0.96}
    assert factors(model, train(model)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.two_backends
def test_the_head_of_an_absent_task_does_not_decay():
    model = network(weight_decay={"head": DECAY, "tower": DECAY})
    found = factors(model, train(model, absent="b"))
    assert sorted(found) == ["head_a", "tower_a"]


def test_decay_follows_updates_and_not_the_steps_of_accumulation():
    optimizer = keras.optimizers.Adam(RATE, gradient_accumulation_steps=4)
    model = network(optimizer=optimizer, weight_decay={"trunk": DECAY})
    expected = {"trunk": (1 - RATE * DECAY) ** 2}
    assert factors(model, train(model, steps=11)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.two_backends
def test_one_rate_equals_the_decay_of_the_optimizer():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 3)).astype("float32")
    y = {"a": x[:, 0], "b": x[:, 1]}
    weights = []
    for own, given in ((0.2, None), (None, 0.2)):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((3,))
        h = keras.layers.Dense(4, use_bias=False)(inputs)
        heads = {t: keras.layers.Dense(1, use_bias=False)(h) for t in "ab"}
        model = MultiTaskModel(inputs, heads)
        optimizer = keras.optimizers.Adam(0.05, weight_decay=own)
        model.compile(optimizer, loss="mse", weight_decay=given)
        model.fit(x, y, epochs=5, batch_size=8, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.two_backends
def test_the_rates_are_saved_with_the_model(tmp_path):
    model = network(weight_decay={"trunk": DECAY})
    train(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found = factors(loaded, train(loaded))
    assert found == pytest.approx({"trunk": 1 - RATE * DECAY}, rel=1e-5)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (-0.1, "at least 0"),
        (float("nan"), "at least 0"),
        (True, "at least 0"),
        ({"trunk": "much"}, "at least 0"),
        ({"towers": 0.1}, 'Did you mean "tower"'),
    ],
)
def test_a_wrong_rate_is_refused_by_compile(rate, message):
    with pytest.raises(UserError, match=message):
        network(weight_decay=rate)


def test_decay_in_two_places_is_refused():
    with pytest.raises(UserError, match=r"AdamW has weight_decay=0\.004 of its own"):
        network(optimizer=keras.optimizers.AdamW(), weight_decay=0.1)
