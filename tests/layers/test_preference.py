"""The preference as an input: one network for all points of a front."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError
from polytask.balancing import COSMOS
from polytask.layers import Preference
from polytask.testing import LayerContract


class TestPreference(LayerContract):
    def make(self):
        return Preference(3)

    def arguments(self):
        return [np.random.default_rng(0).normal(size=(5, 4)).astype("float32")]


def one_output_for_two_tasks():
    x = keras.Input((1,))
    shared = keras.layers.Dense(1, name="shared")(Preference(2, name="wanted")(x))
    outputs = {t: keras.layers.Identity(name=t)(shared) for t in ("up", "down")}
    return MultiTaskModel(x, outputs)


@pytest.mark.slow
def test_one_network_holds_the_front():
    keras.utils.set_random_seed(0)
    model = one_output_for_two_tasks()
    balancer = COSMOS(pull=0.0, concentration=1.0)
    model.compile(keras.optimizers.Adam(0.05), loss="mse", balancer=balancer)
    x = np.zeros((4, 1), "float32")
    ones = np.ones((4, 1), "float32")
    model.fit(
        np.tile(x, (300, 1)),
        {"up": np.tile(ones, (300, 1)), "down": -np.tile(ones, (300, 1))},
        batch_size=4,
        verbose=0,
    )
    for share in (0.1, 0.5, 0.9):
        model.get_layer("wanted").prefer([share, 1.0 - share])
        # The least of r (o - 1)^2 + (1 - r) (o + 1)^2.
        found = keras.ops.convert_to_numpy(model(x)["up"])
        np.testing.assert_allclose(found, 2.0 * share - 1.0, atol=0.1)


def test_without_draws_the_chosen_preference_counts_in_training_too():
    layer = Preference(2)
    layer.prefer([1.0, 3.0])
    found = keras.ops.convert_to_numpy(
        layer(np.zeros((2, 1), "float32"), training=True)
    )
    np.testing.assert_allclose(found[:, 1:], [[0.25, 0.75]] * 2)


def test_another_number_of_tasks_is_refused():
    x = keras.Input((1,))
    shared = keras.layers.Dense(1)(Preference(3, name="wanted")(x))
    outputs = {t: keras.layers.Dense(1, name=t)(shared) for t in ("a", "b")}
    model = MultiTaskModel(x, outputs)
    with pytest.raises(UserError, match='"wanted" is for 3 tasks, but 2 tasks'):
        model.compile("sgd", loss="mse", balancer=COSMOS(concentration=1.2))


@pytest.mark.parametrize("numbers", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, np.nan]])
def test_a_preference_needs_non_negative_numbers(numbers):
    with pytest.raises(UserError, match="takes 2 non-negative numbers"):
        Preference(2).prefer(numbers)


def test_one_task_has_no_preference():
    with pytest.raises(UserError, match="2 or more"):
        Preference(1)
