import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError
from polytask.layers import GradientReversal, SharedPrivate

rng = np.random.default_rng(0)
SHARED = rng.normal(size=(6, 4)).astype("float32")


def test_each_task_reads_shared_and_own_features():
    encode = SharedPrivate("ab", units=(3, 2), activation="tanh")
    x = keras.Input((4,))
    model = keras.Model(x, encode(x))
    found = model.predict(SHARED, verbose=0)
    for task in "ab":
        parts = []
        for block in (encode.shared, encode.private[task]):
            h = SHARED
            for layer in block.layers:
                kernel, bias = layer.get_weights()
                h = np.tanh(h @ kernel + bias)
            parts.append(h)
        np.testing.assert_allclose(found[task], np.hstack(parts), rtol=1e-4, atol=1e-5)


def test_the_model_finds_which_encoder_is_private():
    x = keras.Input((4,))
    features = SharedPrivate(["a", "b"], units=(3,), name="sp")(x)
    model = MultiTaskModel(
        x, {t: keras.layers.Dense(1)(f) for t, f in features.items()}
    )
    model.compile("adam", loss="mse")
    assert {v.path for v in model.shared_variables} == {
        "sp_shared_0/kernel",
        "sp_shared_0/bias",
    }
    for t, task in enumerate("ab"):
        own = {v.path for v in model.private_variables[task]}
        assert {f"sp_private_{t}_0/kernel", f"sp_private_{t}_0/bias"} < own


def moves_in_one_step(between):
    """Return how one step on the domain moves the encoder and the guessing head."""
    keras.utils.set_random_seed(1)
    x = keras.Input((4,))
    encode = SharedPrivate(["a", "b"], units=(3,), activation="tanh")
    features, shared = encode(x, return_shared=True)
    outputs = {t: keras.layers.Dense(1)(f) for t, f in features.items()}
    head = keras.layers.Dense(2, "softmax")
    outputs["domain"] = head(between(shared))
    model = MultiTaskModel(x, outputs)
    losses = {"a": "mse", "b": "mse", "domain": "sparse_categorical_crossentropy"}
    model.compile(keras.optimizers.SGD(1.0), loss=losses)
    unlabeled = np.full(6, np.nan, "float32")
    targets = {"a": unlabeled, "b": unlabeled, "domain": np.array([0, 1, 0, 1, 1, 1])}
    layers = [encode.shared.layers[0], head]
    before = [layer.get_weights()[0] for layer in layers]
    model.fit(SHARED, targets, batch_size=6, verbose=0)
    return [
        layer.get_weights()[0] - old for layer, old in zip(layers, before, strict=True)
    ]


def test_an_adversary_learns_to_guess_while_the_encoder_learns_to_hide():
    encoder, head = moves_in_one_step(lambda shared: shared)
    encoder_reversed, head_reversed = moves_in_one_step(GradientReversal(0.5))
    np.testing.assert_allclose(head_reversed, head, rtol=1e-5)
    np.testing.assert_allclose(encoder_reversed, -0.5 * encoder, rtol=1e-4, atol=1e-7)


def test_orthogonality_adds_a_penalty_for_each_task():
    x = keras.Input((4,))
    encode = SharedPrivate(["a", "b"], units=(3,), orthogonality=0.1)
    model = keras.Model(x, encode(x))
    model(SHARED)
    assert len(model.losses) == 2
    assert all(float(loss) > 0 for loss in model.losses)


def test_encoders_can_be_any_layer():
    pictures = keras.Input((4, 4, 2))
    encode = SharedPrivate(["a"], make=lambda: keras.layers.Conv2D(5, 3))
    assert encode(pictures)["a"].shape == (None, 2, 2, 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": []}, "tasks must be different names, at least one"),
        ({"tasks": ["a", "a"]}, "tasks must be different names"),
        ({"tasks": ["a"], "units": (0,)}, "units must be widths from 1"),
        ({"tasks": ["a"], "orthogonality": -1.0}, "strength"),
        ({"tasks": ["a"], "make": lambda: None}, "make must return a new layer"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        SharedPrivate(**options)
