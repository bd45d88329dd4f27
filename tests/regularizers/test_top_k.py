"""TopK keeps exactly the largest entries, however they are spread."""

import numpy as np
import pytest
from keras import ops

from polytask.regularizers import TopK


def expected(w, count, metric):
    size = np.abs(w) * np.sqrt(metric)
    kept = np.argsort(-size, axis=None, kind="stable")[:count]
    found = np.zeros(w.size, w.dtype)
    found[kept] = w.ravel()[kept]
    return found.reshape(w.shape)


@pytest.mark.parametrize("count", [1, 2, 150, 599])
@pytest.mark.parametrize("decades", [0, 30])
def test_the_entries_that_a_stable_sort_puts_first_stay(count, decades):
    generator = np.random.default_rng(count)
    w = generator.normal(size=(30, 20)) * 10.0 ** generator.uniform(
        -decades, decades, (30, 20)
    )
    w = w.astype("float32")
    metric = generator.uniform(0.5, 2.0, w.shape).astype("float32")
    found = ops.convert_to_numpy(TopK(count).prox(w, 1.0, metric))
    np.testing.assert_array_equal(found, expected(w, count, metric))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_of_equal_entries_the_first_stay(dtype):
    w = np.asarray([[1, -2, 0], [2, -2, 2], [0, 3, -3]], dtype)
    found = ops.convert_to_numpy(TopK(4).project(w))
    np.testing.assert_array_equal(found, expected(w, 4, 1.0))


def test_an_infinite_entry_that_is_dropped_is_zero():
    w = np.asarray([1.0, np.inf, -np.inf, np.inf, 0.0], "float32")
    found = ops.convert_to_numpy(TopK(2).project(w))
    np.testing.assert_array_equal(found, [0.0, np.inf, -np.inf, 0.0, 0.0])


def test_zeros_alone_stay_zero():
    np.testing.assert_array_equal(
        ops.convert_to_numpy(TopK(2).project(np.zeros((3, 2), "float32"))), 0.0
    )
