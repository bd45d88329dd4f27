import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError
from polytask.layers import MTAN

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(7, 6)).astype("float32")
TASKS = ["a", "b"]


def affine(layer, x):
    kernel, bias = layer.get_weights()
    return x @ kernel + bias


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_each_task_attends_to_every_level_of_the_trunk():
    network = MTAN(TASKS, units=(5, 4), activation="tanh", batch_norm=False)
    x = keras.Input((6,))
    model = keras.Model(x, network(x))
    model.set_weights([rng.normal(size=w.shape) * 0.5 for w in model.get_weights()])
    found = model.predict(ROWS, verbose=0)
    levels = [np.tanh(affine(network.trunk[0].layers[0], ROWS))]
    levels.append(np.tanh(affine(network.trunk[1].layers[0], levels[0])))
    for t, task in enumerate(TASKS):
        attended = None
        for level, shared in enumerate(levels):
            part = network.attention[t, level]
            reads = shared
            if level:
                carried = np.tanh(affine(part.carry[0], attended))
                reads = np.hstack([shared, carried])
            g, _, h, _ = part.mask
            mask = sigmoid(affine(h, np.tanh(affine(g, reads))))
            attended = mask * shared
        np.testing.assert_allclose(found[task], attended, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.two_backends
def test_the_trunk_is_shared_and_the_attention_private(tmp_path):
    x = keras.Input((6,))
    features = MTAN(TASKS, units=(4, 3), name="m")(x)
    heads = {t: keras.layers.Dense(1, name=f"head_{t}")(features[t]) for t in TASKS}
    model = MultiTaskModel(x, heads)
    model.compile("adam", loss="mse")
    shared = {v.path.split("/")[0] for v in model.shared_variables}
    assert shared == {"m_trunk_0_0", "m_trunk_1_0"}
    private = {v.path.split("/")[0] for v in model.private_variables["b"]}
    assert {"m_attention_1_0_g", "m_attention_1_1_f", "head_b"} <= private
    before = model.get_weights()
    model.fit(ROWS, {"a": ROWS[:, 0], "b": ROWS[:, 1]}, verbose=0)
    # A bias before a batch normalization has no gradient but rounding.
    moved = {
        v.path: np.any(old != new)
        for v, old, new in zip(model.weights, before, model.get_weights(), strict=True)
        if not v.path.endswith("bias")
    }
    assert all(moved.values()), moved
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for task, expected in model.predict(ROWS, verbose=0).items():
        np.testing.assert_array_equal(loaded.predict(ROWS, verbose=0)[task], expected)


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        ((16,), keras.layers.Conv1D, (2,)),
        ((16, 8), keras.layers.Conv2D, (2, 1)),
        ((8, 8, 8), keras.layers.Conv3D, (1, 1, 1)),
    ],
    ids=["1d", "2d", "3d"],
)
def test_the_trunk_can_be_convolutions_that_shrink(shape, layer, expected):
    blocks = [
        lambda: layer(4, 3, strides=2, padding="same"),
        lambda: layer(5, 3, strides=4, padding="same"),
    ]
    x = keras.Input((*shape, 3))
    model = keras.Model(x, MTAN(TASKS, make=blocks)(x))
    assert model.output["a"].shape == (None, *expected, 5)
    found = model.predict(rng.normal(size=(2, *shape, 3)), verbose=0)
    assert np.all(np.isfinite(found["b"]))


def test_called_twice_it_uses_the_same_layers():
    network = MTAN(TASKS, units=(4,))
    x, y = keras.Input((6,)), keras.Input((6,))
    model = keras.Model([x, y], [network(x), network(y)])
    first, second = model.predict([ROWS, ROWS], verbose=0)
    np.testing.assert_array_equal(first["b"], second["b"])


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([3, 2], "must divide that of the level before"),
        ([], "an entry for each level, at least one"),
    ],
)
def test_levels_that_do_not_fit_are_refused(blocks, message):
    make = [lambda size=size: keras.layers.Resizing(size, size) for size in blocks]
    with pytest.raises(UserError, match=message):
        MTAN(TASKS, make=make)(keras.Input((8, 8, 3)))
