import keras
import numpy as np
import pytest

from polytask import regularizers
from polytask.regularizers import L1, ElasticNet, as_proximal

W = np.array([[0.3, -2.0], [0.0, 1.5]], "float32")


def test_keras_l1_becomes_the_same_penalty_with_a_prox():
    mapped = as_proximal(keras.regularizers.L1(0.25))
    assert isinstance(mapped, L1)
    assert float(mapped(W)) == pytest.approx(float(keras.regularizers.L1(0.25)(W)))


def test_keras_l1_l2_becomes_an_elastic_net_of_the_same_value():
    original = keras.regularizers.L1L2(l1=0.25, l2=0.125)
    mapped = as_proximal(original)
    assert isinstance(mapped, ElasticNet)
    assert float(mapped(W)) == pytest.approx(float(original(keras.ops.array(W))))


@pytest.mark.parametrize(
    "smooth",
    [
        None,
        keras.regularizers.L2(0.1),
        keras.regularizers.L1L2(l1=0.0, l2=0.1),
        keras.regularizers.L1(0.0),
        keras.regularizers.OrthogonalRegularizer(),
        regularizers.L2(0.1),
        ElasticNet(l1=0.0, l2=0.1),
        regularizers.MeanRegularized(0.1),
        regularizers.Orthogonality(0.1),
    ],
)
def test_smooth_penalties_and_those_without_prox_are_left_to_their_gradient(smooth):
    assert as_proximal(smooth) is None


def test_a_subclass_of_a_keras_regularizer_is_not_taken_for_its_parent():
    class Doubled(keras.regularizers.L1):
        def __call__(self, x):
            return 2 * super().__call__(x)

    assert as_proximal(Doubled(0.1)) is None


def test_polytask_penalties_with_a_prox_are_returned_as_they_are():
    penalty = regularizers.GroupLasso(0.1)
    assert as_proximal(penalty) is penalty


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("l1", L1),
        ("L1", L1),
        ("l1_l2", ElasticNet),
        ("L1L2", ElasticNet),
        ("ElasticNet", ElasticNet),
        ("L21", regularizers.L21),
        ("orthogonal_regularizer", keras.regularizers.OrthogonalRegularizer),
    ],
)
def test_get_accepts_the_names_that_keras_users_know(name, cls):
    assert type(regularizers.get(name)) is cls


def test_get_passes_instances_classes_and_none_through():
    original = keras.regularizers.L1(0.1)
    assert regularizers.get(original) is original
    assert regularizers.get(None) is None
    assert regularizers.get(L1, strength=0.5).strength == 0.5


def test_a_saved_keras_model_keeps_its_regularizer(tmp_path):
    penalty = regularizers.GroupLasso(0.2, groups="units")
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3, kernel_regularizer=penalty)]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].kernel_regularizer.get_config() == penalty.get_config()
