import keras
import numpy as np
import pytest

from polytask import UserError
from polytask.layers import EnsembleDense
from polytask.testing import LayerContract

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


class TestEnsembleDense(LayerContract):
    def make(self):
        return EnsembleDense(2, members=4, activation="tanh")

    def arguments(self):
        return [X]


class TestMembersOfTheirOwn(TestEnsembleDense):
    def arguments(self):
        return [np.repeat(X[:, None], 4, axis=1)]


def test_a_member_is_a_dense_layer_with_scaled_rows_and_columns():
    layer = EnsembleDense(2, members=3, activation="relu", input_scale="random_signs")
    result = keras.ops.convert_to_numpy(layer(X))
    kernel, r, s, b = (keras.ops.convert_to_numpy(w) for w in layer.weights)
    assert set(np.unique(r)) == {-1, 1}
    for m in range(3):
        dense = keras.layers.Dense(2, activation="relu")
        dense.build(X.shape)
        dense.set_weights([r[m][:, None] * kernel * s[m], b[m]])
        expected = keras.ops.convert_to_numpy(dense(X))
        np.testing.assert_allclose(result[:, m], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EnsembleDense(2, members=1), "members must be at least 2"),
        (lambda: EnsembleDense(0, members=2), "units"),
        (lambda: EnsembleDense(2, 2, input_scale="signs"), "random_signs"),
        (lambda: EnsembleDense(2, 2)(np.ones((4, 3, 5))), "2 members, features"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(UserError, match=message):
        make()
