"""Cross-stitch and sluice networks against NumPy, and in a multi-task model."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import MultiTaskModel, UserError
from polytask.layers import CrossStitch, Sluice, Stitch, SubspaceOrthogonality
from polytask.testing import LayerContract

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(7, 6)).astype("float32")
FIRST, SECOND = rng.normal(size=(2, 5, 3, 4)).astype("float32")
TASKS = ["a", "b"]


class StitchContract(LayerContract):
    def model(self):
        inputs = [keras.Input(a.shape[1:]) for a in self.arguments()]
        return keras.Model(inputs, self.make()(inputs))

    def arguments(self):
        return [FIRST, SECOND]


class TestStitch(StitchContract):
    def make(self):
        return Stitch(1)


class TestStitchOfSubspaces(StitchContract):
    def make(self):
        return Stitch(0, subspaces=2, self_weight=0.7)


class TestStitchOfChannels(StitchContract):
    def make(self):
        return Stitch(0, channelwise=True)


def test_it_begins_near_the_own_tensor():
    found = ops.convert_to_numpy(Stitch(1, self_weight=0.8)([FIRST, SECOND]))
    np.testing.assert_allclose(found, 0.2 * FIRST + 0.8 * SECOND, rtol=1e-5, atol=1e-6)


def test_subspaces_begin_near_the_own_subspace():
    stitch = Stitch(1, subspaces=2, self_weight=0.7)
    stitch([FIRST, SECOND])
    expected = [[0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.1, 0.7]]
    np.testing.assert_allclose(stitch.get_weights()[0], expected, rtol=1e-5)


def test_each_subspace_combines_every_subspace_of_every_tensor():
    stitch = Stitch(0, subspaces=2)
    stitch([FIRST, SECOND])
    alpha = rng.normal(size=(2, 4)).astype("float32")
    stitch.set_weights([alpha])
    parts = [FIRST[..., :2], FIRST[..., 2:], SECOND[..., :2], SECOND[..., 2:]]
    expected = np.concatenate(
        [sum(w * p for w, p in zip(row, parts, strict=True)) for row in alpha], axis=-1
    )
    found = ops.convert_to_numpy(stitch([FIRST, SECOND]))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_channels_can_have_weights_of_their_own():
    stitch = Stitch(0, channelwise=True)
    stitch([FIRST, SECOND])
    alpha = rng.normal(size=(2, 4)).astype("float32")
    stitch.set_weights([alpha])
    found = ops.convert_to_numpy(stitch([FIRST, SECOND]))
    expected = FIRST * alpha[0] + SECOND * alpha[1]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_subspace_orthogonality_is_its_closed_form():
    kernel = rng.normal(size=(5, 6)).astype("float32")
    a, b, c = np.split(kernel, 3, axis=1)
    expected = 0.3 * sum(np.sum((u.T @ v) ** 2) for u, v in ((a, b), (a, c), (b, c)))
    found = float(SubspaceOrthogonality(0.3, 3)(ops.convert_to_tensor(kernel)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def called(architecture):
    x = keras.Input((6,))
    model = keras.Model(x, architecture(x))
    model.set_weights([rng.normal(size=w.shape) * 0.5 for w in model.get_weights()])
    return model.predict(ROWS, verbose=0)


def trunk(architecture, task, level, x):
    kernel, bias = architecture.trunks[task][level].layers[0].get_weights()
    return np.tanh(x @ kernel + bias)


def test_cross_stitch_combines_the_tasks_after_every_layer():
    network = CrossStitch(TASKS, units=(5, 4), activation="tanh")
    found = called(network)
    x = dict.fromkeys(TASKS, ROWS)
    for level in range(2):
        own = [trunk(network, t, level, x[t]) for t in TASKS]
        for task in TASKS:
            ((alpha, beta),) = network.stitches[level][task].get_weights()[0]
            x[task] = alpha * own[0] + beta * own[1]
    for task in TASKS:
        np.testing.assert_allclose(found[task], x[task], rtol=1e-4, atol=1e-5)


def test_sluice_mixes_subspaces_and_then_layers():
    network = Sluice(TASKS, units=(4, 4), activation="tanh")
    found = called(network)
    x = dict.fromkeys(TASKS, ROWS)
    layers = {task: [] for task in TASKS}
    for level in range(2):
        own = [trunk(network, t, level, x[t]) for t in TASKS]
        parts = [own[0][:, :2], own[0][:, 2:], own[1][:, :2], own[1][:, 2:]]
        for task in TASKS:
            alpha = network.stitches[level][task].get_weights()[0]
            x[task] = np.hstack([np.tensordot(row, parts, axes=1) for row in alpha])
            layers[task].append(x[task])
    for task in TASKS:
        ((first, last),) = network.mixes[task].get_weights()[0]
        expected = first * layers[task][0] + last * layers[task][1]
        np.testing.assert_allclose(found[task], expected, rtol=1e-4, atol=1e-5)


def test_sluice_can_keep_its_subspaces_orthogonal():
    x = keras.Input((6,))
    model = keras.Model(x, Sluice(TASKS, units=(4, 4), orthogonality=0.1)(x))
    penalized = [v for v in model.trainable_variables if v.regularizer is not None]
    assert len(penalized) == 4
    assert all(float(loss) > 0 for loss in model.losses)


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("network", [CrossStitch, Sluice])
def test_only_the_last_combination_of_a_task_is_private(network, tmp_path):
    x = keras.Input((6,))
    features = network(TASKS, units=(4, 4), name="n")(x)
    heads = {t: keras.layers.Dense(1, name=f"head_{t}")(features[t]) for t in TASKS}
    model = MultiTaskModel(x, heads)
    model.compile("adam", loss="mse")
    private = {v.path.split("/")[0] for v in model.private_variables["b"]}
    assert {"n_stitch_1_1", "head_b"} <= private
    assert not any("trunk" in name or name.endswith("_0") for name in private)
    model.fit(ROWS, {"a": ROWS[:, 0], "b": ROWS[:, 1]}, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for task, expected in model.predict(ROWS, verbose=0).items():
        np.testing.assert_array_equal(loaded.predict(ROWS, verbose=0)[task], expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stitch(-1), "own must be an integer, at least 0"),
        (lambda: Stitch(0, self_weight=0.0), r"self_weight must lie in \(0, 1\]"),
        (lambda: Stitch(0, 2, True), "channelwise needs subspaces=1"),
        (lambda: Stitch(2)([FIRST, SECOND]), "needs at least 3 tensors"),
        (lambda: Stitch(0)([FIRST, SECOND[..., :2]]), "found 2, with 4, 2"),
        (lambda: Stitch(0, 3)([FIRST, SECOND]), "4 channels cannot be cut into 3"),
        (lambda: CrossStitch(TASKS, units=()), "an entry for each level, at least one"),
        (lambda: Sluice(TASKS, units=(4, 3)), "need the same width"),
        (lambda: SubspaceOrthogonality(0.1, 0), "subspaces must be an integer"),
        (lambda: SubspaceOrthogonality(0.1, 2)(np.eye(3)), "3 columns cannot be cut"),
    ],
)
def test_wrong_options_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
