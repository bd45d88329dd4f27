"""Exchanging what is at zero, against the interior point method."""

import numpy as np
import pytest

from polytask.numeric import nonnegative
from polytask.numeric.equilibrate import equilibrate
from polytask.numeric.namespace import NUMPY_OPS
from polytask.numeric.nonnegative import (
    interior_point,
    nearest_semidefinite,
    nonnegative_qp,
    principal_pivoting,
)
from polytask.testing.graded_gradients import graded_gradients, gramian_of

RIDGE = 2.0**-23 * 5**0.5

#: Exchanging all errors at once comes back to where it was, and never ends.
CYCLING = (
    np.array(
        [
            [1.0, -0.35, 0.67, 0.65],
            [-0.35, 1.0, 0.45, -0.86],
            [0.67, 0.45, 1.0, -0.02],
            [0.65, -0.86, -0.02, 1.0],
        ]
    ),
    np.array([[-0.66, -0.54, -0.67, 0.42]]),
)


def cosines_of(kind):
    """Return the cosines of five tasks, as definite as the solvers make them."""
    gramian = gramian_of(graded_gradients()[kind])
    return equilibrate(NUMPY_OPS, gramian)[0] + RIDGE * np.eye(5)


@pytest.mark.parametrize("kind", graded_gradients())
def test_exchanging_finds_what_the_interior_point_method_nears(kind):
    cosines = cosines_of(kind)
    # Those of all tasks' cone projections, of the shortest vector, and of any.
    linear = np.vstack(
        [cosines, -np.ones(5), np.random.default_rng(0).standard_normal((9, 5))]
    )
    found = principal_pivoting(cosines, linear)
    near = interior_point(NUMPY_OPS, cosines, linear)
    assert found is not None
    # The interior point method stops at a gap of 1e-13, which is 3e-7 of a weight;
    # singular, the weights are known to the rounding over the ridge.
    singular = kind in ("duplicate", "opposite", "rank two")
    scale = np.maximum(np.abs(near).max(axis=1, keepdims=True), 1.0)
    slack = 1e-3 if singular else 1e-6
    np.testing.assert_allclose(found / scale, near / scale, atol=slack)
    value = 0.5 * np.sum(found * (found @ cosines + 2 * linear), axis=1)
    other = 0.5 * np.sum(near * (near @ cosines + 2 * linear), axis=1)
    assert (value <= other + 1e-14 * scale[:, 0] ** 2).all()


@pytest.mark.parametrize("kind", graded_gradients())
def test_found_minimizers_meet_their_optimality_conditions(kind):
    cosines = cosines_of(kind)
    linear = np.vstack([cosines, np.random.default_rng(1).standard_normal((9, 5))])
    found = principal_pivoting(cosines, linear)
    gradient = found @ cosines + linear
    scale = np.maximum(found.max(axis=1, keepdims=True), 1.0)
    assert found.min() >= 0
    assert (gradient >= -1e-9 * scale).all()
    assert (np.abs(gradient * (found > 0)) <= 1e-9 * scale).all()


def test_a_cycle_is_left_by_exchanging_one_at_a_time(monkeypatch):
    found = principal_pivoting(*CYCLING)
    np.testing.assert_allclose(found, interior_point(NUMPY_OPS, *CYCLING), atol=1e-9)
    monkeypatch.setattr(nonnegative, "PATIENCE", 10**9)
    monkeypatch.setattr(nonnegative, "MAX_EXCHANGES", 1000)
    assert principal_pivoting(*CYCLING) is None


def test_where_exchanging_does_not_end_the_interior_point_method_solves():
    # The mean of the gradients is nearly zero: all of them conflict.
    jacobian = np.random.default_rng(0).standard_normal((64, 50))
    jacobian -= 0.999 * jacobian.mean(axis=0)
    cosines = equilibrate(NUMPY_OPS, gramian_of(jacobian))[0]
    cosines = nearest_semidefinite(NUMPY_OPS, cosines)
    linear = cosines.mean(axis=0)[None]
    ridge = 2.0**-23 * 8.0 * np.eye(64)
    assert principal_pivoting(cosines + ridge, linear) is None
    found = nonnegative_qp(NUMPY_OPS, cosines, linear)
    gradient = found @ cosines + linear
    assert found.min() >= 0
    assert gradient.min() > -1e-8
    assert np.abs(found * gradient).max() < 1e-8
