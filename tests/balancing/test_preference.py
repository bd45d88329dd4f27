"""Preferences between the tasks, against their definitions."""

import numpy as np
import pytest

from polytask import balancing
from polytask.errors import UserError
from tests.helpers.graded_matrices import MATRICES, fresh, gramian_of, weights_of

J = MATRICES["random"]
PREFERENCE = [0.5, 2.0, 1.0, 0.25, 3.0]
METHODS = ("upgrad", "dualproj", "aligned_mtl", "config")


def preferred(name):
    """Return the direction for the preference."""
    balancer = balancing.get(name, preference=PREFERENCE)
    return weights_of(balancer, gramian_of(J)) @ J


def projection(vector):
    """Return the projection of a vector on the dual cone of the gradients."""
    nnls = pytest.importorskip("scipy.optimize").nnls
    return vector + nnls(J.T, -vector)[0] @ J


def test_upgrad_sums_the_projections_by_preference():
    expected = sum(p * projection(g) for p, g in zip(PREFERENCE, J, strict=True))
    np.testing.assert_allclose(preferred("upgrad"), expected, rtol=1e-5, atol=1e-5)


def test_dualproj_projects_the_preferred_sum():
    expected = projection(PREFERENCE @ J)
    np.testing.assert_allclose(preferred("dualproj"), expected, rtol=1e-5, atol=1e-5)


def test_aligned_mtl_combines_the_aligned_gradients_by_preference():
    left, singular, right = np.linalg.svd(J, full_matrices=False)
    aligned = singular.min() * left @ right
    expected = PREFERENCE @ aligned
    np.testing.assert_allclose(preferred("aligned_mtl"), expected, rtol=1e-4, atol=1e-5)


def test_config_has_cosines_in_the_ratio_of_the_preference():
    direction = preferred("config")
    unit = direction / np.linalg.norm(direction)
    cosines = J @ unit / np.linalg.norm(J, axis=1)
    np.testing.assert_allclose(
        cosines / cosines.sum(), np.array(PREFERENCE) / sum(PREFERENCE), rtol=1e-4
    )
    np.testing.assert_allclose(np.linalg.norm(direction), (J @ unit).sum(), rtol=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_equal_preferences_are_none(name):
    plain = weights_of(name, gramian_of(J))
    equal = weights_of(fresh(name, 5, preference=(1.0,) * 5), gramian_of(J))
    np.testing.assert_allclose(equal, plain, rtol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_a_preference_needs_a_positive_number_for_each_task(name):
    with pytest.raises(UserError, match="preference must be positive"):
        balancing.get(name, preference=[1.0, -1.0])
    with pytest.raises(UserError, match="2 numbers in preference for 5 tasks"):
        balancing.get(name, preference=[1.0, 2.0]).build(5)
