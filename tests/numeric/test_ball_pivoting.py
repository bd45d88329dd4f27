"""Exchanging the binding tasks of CAGrad, against the interior point method."""

import numpy as np
import pytest

from polytask.numeric import conflict_averse
from polytask.numeric.namespace import NUMPY_OPS, enter, namespace_of
from polytask.testing.graded_gradients import graded_gradients, gramian_of

# The tests put something else in its place.
PIVOT_IN_BALL = conflict_averse.pivot_in_ball


class Watched:
    """`pivot_in_ball`, recording whether it ended."""

    def __init__(self):
        self.ended = []

    def __call__(self, *problem):
        found = PIVOT_IN_BALL(*problem)
        self.ended.append(found is not None)
        return found


def both_ways(gramian, c, monkeypatch):
    """Return the weights, those of the interior point method, and who solved."""
    watched = Watched()
    monkeypatch.setattr(conflict_averse, "pivot_in_ball", watched)
    found = conflict_averse.conflict_averse(NUMPY_OPS, gramian, c)
    monkeypatch.setattr(conflict_averse, "pivot_in_ball", lambda *problem: None)
    near = conflict_averse.conflict_averse(NUMPY_OPS, gramian, c)
    return found, near, watched.ended


@pytest.mark.parametrize("c", [0.1, 0.4, 0.9, 2.0])
@pytest.mark.parametrize("kind", graded_gradients())
def test_exchanging_finds_what_the_interior_point_method_nears(kind, c, monkeypatch):
    gramian = gramian_of(graded_gradients()[kind])
    found, near, ended = both_ways(gramian, c, monkeypatch)
    assert ended == [True]
    # Singular, they are known to the rounding over the ridge.
    singular = kind in ("duplicate", "opposite", "rank two")
    slack = 1e-5 if singular else 1e-7
    np.testing.assert_allclose(found, near, rtol=slack, atol=slack * near.max())


@pytest.mark.parametrize("angle", [0.0, 1e-3, 1.0, 3.0, np.pi - 1e-3, np.pi])
@pytest.mark.parametrize("ratio", [1.0, 1e-3])
def test_two_tasks_at_any_angle_are_solved(angle, ratio, monkeypatch):
    jacobian = np.array([[1.0, 0.0], [ratio * np.cos(angle), ratio * np.sin(angle)]])
    found, near, ended = both_ways(gramian_of(jacobian), 0.5, monkeypatch)
    assert ended == [True]
    np.testing.assert_allclose(found, near, rtol=1e-6, atol=1e-6)


def test_where_exchanging_does_not_end_the_interior_point_method_solves(monkeypatch):
    # Eight gradients in a plane: which of them bind is decided by rounding.
    jacobian = np.random.default_rng(37).standard_normal((8, 2))
    found, near, ended = both_ways(gramian_of(jacobian), 0.9, monkeypatch)
    assert ended == [False]
    np.testing.assert_array_equal(found, near)


def test_a_refused_problem_has_the_solution_that_exchanging_finds(monkeypatch):
    gramian = gramian_of(graded_gradients()["random"])
    exact, _, _ = both_ways(gramian, 0.4, monkeypatch)
    monkeypatch.setattr(conflict_averse, "MAX_EXCHANGES", 1)
    found, near, ended = both_ways(gramian, 0.4, monkeypatch)
    assert ended == [False]
    np.testing.assert_array_equal(found, near)
    np.testing.assert_allclose(found, exact, rtol=1e-7)


def test_a_radius_of_zero_gives_the_mean():
    ops = namespace_of()
    gramian = enter(ops, gramian_of(graded_gradients()["random"]))
    found = conflict_averse.conflict_averse(ops, gramian, 0.0)
    np.testing.assert_allclose(np.asarray(found), 0.2, rtol=1e-6)
