"""The front and its knee against definitions."""

import numpy as np
import pytest

from polytask.lab.studies.search.front import front, knee


def test_a_point_is_on_the_front_if_no_other_dominates_it():
    points = np.random.default_rng(0).integers(0, 6, (40, 3)).astype(float)
    on = front(points)
    for i, point in enumerate(points):
        dominated = any(
            (other <= point).all() and (other < point).any() for other in points
        )
        first = next(j for j, other in enumerate(points) if (other == point).all())
        assert (i in on) == (not dominated and i == first)


def test_points_without_a_value_are_not_on_the_front():
    assert front([[np.nan, 0.0], [1.0, 1.0]]) == [1]


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_the_knee_does_not_depend_on_a_task_s_unit(scale):
    points = np.array([[0.0, 1.0], [0.3, 0.3], [0.6, 0.2], [1.0, 0.0]])
    assert knee(points * [1.0, scale]) == 1


def test_a_front_of_one_point_is_its_knee():
    assert knee([[0.4, 0.7]]) == 0
