import keras
import numpy as np
import pytest
from keras import ops

from polytask import UserError
from polytask.layers import FiLM
from polytask.testing import LayerContract

rng = np.random.default_rng(0)
PICTURES = rng.normal(size=(5, 2, 3, 4)).astype("float32")
TASKS = np.array([0, 1, 1, 0, 2], "int32")
VECTORS = rng.normal(size=(5, 6)).astype("float32")


class TestContractWithTaskIndex(LayerContract):
    def make(self):
        return FiLM(num_tasks=3, regularizer=keras.regularizers.L2(1e-3))

    def arguments(self):
        return [PICTURES, TASKS]


class TestContractWithVector(LayerContract):
    def make(self):
        return FiLM()

    def arguments(self):
        return [PICTURES, VECTORS]


def test_it_starts_as_the_identity():
    np.testing.assert_array_equal(
        ops.convert_to_numpy(FiLM(num_tasks=3)(PICTURES, TASKS)), PICTURES
    )


@pytest.mark.parametrize("condition", [TASKS, TASKS[:, None]])
def test_each_row_is_scaled_and_shifted_by_its_own_task(condition):
    layer = FiLM(num_tasks=3)
    layer(PICTURES, condition)
    table = rng.normal(size=(3, 8)).astype("float32")
    layer.set_weights([table])
    gamma, beta = table[TASKS, :4], table[TASKS, 4:]
    expected = PICTURES * (1 + gamma[:, None, None]) + beta[:, None, None]
    found = ops.convert_to_numpy(layer(PICTURES, condition))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_vector_gives_scale_and_shift_linearly():
    layer = FiLM()
    layer(PICTURES, VECTORS)
    kernel = rng.normal(size=(6, 8)).astype("float32")
    layer.set_weights([kernel])
    gamma, beta = np.split(VECTORS @ kernel, 2, axis=1)
    expected = PICTURES * (1 + gamma[:, None, None]) + beta[:, None, None]
    found = ops.convert_to_numpy(layer(PICTURES, VECTORS))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_row_with_an_unknown_task_comes_out_as_nan_and_no_other_does():
    found = ops.convert_to_numpy(FiLM(2)(PICTURES, np.array([0, 1, 2, -1, 0])))
    assert np.isnan(found).any(axis=(1, 2, 3)).tolist() == [0, 0, 1, 1, 0]


@pytest.mark.parametrize("num_tasks", [0, -1, 1.5, True, "two"])
def test_a_number_of_tasks_below_one_is_refused(num_tasks):
    with pytest.raises(UserError, match="num_tasks must be an integer, at least 1"):
        FiLM(num_tasks)


def test_an_index_where_a_vector_belongs_is_refused():
    with pytest.raises(UserError, match=r"vector for each row, shape \(rows, d\)"):
        FiLM()(PICTURES, TASKS)
