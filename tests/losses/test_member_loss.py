import keras
import numpy as np
import pytest

import polytask
from polytask import UserError
from polytask.layers import EnsembleDense
from polytask.losses import MemberLoss

MEMBERS = np.float32([[[0.2], [0.6]], [[0.9], [0.5]]])


def test_every_member_is_judged_by_itself():
    y = np.float32([0, 1])
    expected = [(0.2**2 + 0.6**2) / 2, (0.1**2 + 0.5**2) / 2]
    for labels in (y, y[:, None]):
        found = keras.ops.convert_to_numpy(MemberLoss("mse").call(labels, MEMBERS))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_classes_are_judged_by_their_probability():
    p = np.float32([[[0.5, 0.5], [0.25, 0.75]]])
    loss = MemberLoss(keras.losses.SparseCategoricalCrossentropy())
    for labels in (np.array([1]), np.array([[1]])):
        found = float(keras.ops.convert_to_numpy(loss.call(labels, p))[0])
        assert found == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 2, rel=1e-5)


def test_an_output_without_members_is_refused():
    with pytest.raises(UserError, match=r"\(rows, members, units\); found \(2, 1\)"):
        MemberLoss("mse").call(np.zeros((2, 1)), np.zeros((2, 1)))


def test_the_configuration_rebuilds_the_loss():
    loss = MemberLoss(keras.losses.Huber(0.3))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.loss.get_config() == loss.loss.get_config()


@pytest.mark.two_backends
def test_an_ensemble_for_two_tasks_learns_with_missing_labels(tmp_path):
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 3)).astype("float32")
    y = {"a": x[:, :1] * 2, "b": (x[:, 1:2] > 0).astype("float32")}
    y["a"][::2] = np.nan
    inputs = keras.Input((3,))
    h = EnsembleDense(16, 4, "relu", input_scale="random_signs")(inputs)
    outputs = {
        "a": EnsembleDense(1, 4, name="head_a")(h),
        "b": EnsembleDense(1, 4, "sigmoid", name="head_b")(h),
    }
    model = polytask.MultiTaskModel(inputs, outputs)
    losses = {"a": MemberLoss("mse"), "b": MemberLoss("binary_crossentropy")}
    model.compile(keras.optimizers.Adam(0.02), loss=losses)
    history = model.fit(x, y, epochs=15, batch_size=16, verbose=0).history
    assert history["a_loss"][-1] < 0.5 * history["a_loss"][0]
    assert history["b_loss"][-1] < 0.8 * history["b_loss"][0]
    model.save(tmp_path / "ensemble.keras")
    again = keras.models.load_model(tmp_path / "ensemble.keras")
    for task, expected in model.predict(x, verbose=0).items():
        assert expected.shape == (64, 4, 1)
        np.testing.assert_allclose(again.predict(x, verbose=0)[task], expected)
