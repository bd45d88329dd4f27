"""Published values and identities, and the errors of public implementations."""

import itertools

import keras
import numpy as np
import pytest

from polytask import balancing
from tests.helpers.graded_matrices import fresh, gramian_of, weights_of

J = np.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])

#: Directions for J; methods that are means elsewhere are multiplied by T = 2.
DIRECTIONS = {
    "equal": 2 * np.array([1.0, 1.0, 1.0]),
    "mgda": 2 * np.array([0.0, 1.0, 1.0]),
    "pcgrad": np.array([0.5848, 3.8012, 3.8012]),
    "gradvac": np.array([0.5848, 3.8012, 3.8012]),
    "upgrad": 2 * np.array([0.2929, 1.9004, 1.9004]),
    "dualproj": 2 * np.array([0.5563, 1.1109, 1.1109]),
    "aligned_mtl": 2 * np.array([0.2133, 0.9673, 0.9673]),
    "config": np.array([0.1588, 2.0706, 2.0706]),
    "imtl_g": 2 * np.array([0.0767, 1.0, 1.0]),
}


@pytest.mark.parametrize("name", DIRECTIONS)
def test_direction_is_the_published_one(name):
    # UPGrad and DualProj were published with a shift of the diagonal by 1e-4.
    slack = 2e-3 if name in ("upgrad", "dualproj") else 1e-4
    direction = weights_of(name, gramian_of(J)) @ J
    np.testing.assert_allclose(direction, DIRECTIONS[name], atol=slack)


def test_cagrad_is_the_published_one_up_to_its_factor():
    balancer = fresh("cagrad", 2, c=0.5)
    weights = weights_of(balancer, gramian_of(J)) * 1.5 / 2.0
    np.testing.assert_allclose(weights, [0.7041, 0.5], atol=1e-4)
    np.testing.assert_allclose(weights @ J, [0.1835, 1.2041, 1.2041], atol=1e-4)


def test_fairgrad_with_alpha_one_is_the_published_one():
    weights = weights_of(fresh("fairgrad", 2, alpha=1.0), gramian_of(J))
    np.testing.assert_allclose(weights @ J, [0.0766, 0.9985, 0.9985], atol=1e-4)


@pytest.mark.two_backends
@pytest.mark.parametrize("angle", [0.01, 0.7, 1.5, 2.5, 3.1])
@pytest.mark.parametrize("ratio", [1.0, 1e-2, 1e4])
def test_two_task_identities(angle, ratio):
    jacobian = np.array([[1.0, 0.0], [ratio * np.cos(angle), ratio * np.sin(angle)]])
    gramian = gramian_of(jacobian)
    norms = np.sqrt(np.diag(gramian).astype("float64"))
    cosine = gramian[0, 1] / norms.prod()
    nash = weights_of("nash_mtl", gramian)
    fair = weights_of(fresh("fairgrad", 2, alpha=1.0), gramian)
    impartial = weights_of("imtl_g", gramian)
    # The Gramian is rounded; the closer to opposed, the more that matters.
    slack = 2e-6 / (1.0 + cosine) + 2e-6
    np.testing.assert_allclose(nash, 1 / (norms * np.sqrt(1 + cosine)), rtol=slack)
    np.testing.assert_allclose(fair, nash, rtol=1e-6)
    np.testing.assert_allclose(
        impartial / impartial.sum(), nash / nash.sum(), rtol=1e-5
    )
    np.testing.assert_allclose(
        weights_of("pcgrad", gramian), weights_of("upgrad", gramian), rtol=2e-5
    )


def test_nash_mtl_solves_what_the_fallback_of_the_public_code_does_not():
    weights = weights_of("nash_mtl", np.diag([100.0, 0.01]))
    np.testing.assert_allclose(weights, [0.1, 10.0], rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-4, 1e-3, 1e2, 1e4])
def test_cagrad_does_not_become_uniform_at_another_scale(scale):
    weights = weights_of(fresh("cagrad", 2, c=0.5), gramian_of(scale * J))
    np.testing.assert_allclose(weights * 1.5 / 2.0, [0.7041, 0.5], atol=1e-4)


def test_upgrad_does_not_conflict_with_a_hundredfold_ratio_of_norms():
    rng = np.random.default_rng(3)
    for _ in range(20):
        jacobian = rng.standard_normal((4, 6)) * np.array(
            [[100.0], [1.0], [1.0], [0.1]]
        )
        direction = weights_of("upgrad", gramian_of(jacobian)) @ jacobian
        norms = np.linalg.norm(jacobian, axis=1) * np.linalg.norm(direction)
        assert (jacobian @ direction >= -1e-6 * norms).all()


def test_upgrad_and_cagrad_do_not_give_up_on_short_gradients():
    # A threshold on the trace made the mean of the first, and nothing of the second.
    short = gramian_of(1e-4 * J)
    np.testing.assert_allclose(
        weights_of("upgrad", short), weights_of("upgrad", gramian_of(J)), rtol=2e-5
    )
    assert np.abs(weights_of("upgrad", short) - 1.0).max() > 0.5
    assert weights_of("cagrad", short).min() > 0.3


def test_pcgrad_looks_at_the_whole_gradient_and_not_at_each_variable():
    # The second variable alone conflicts; all together the tasks agree.
    jacobian = [
        keras.ops.convert_to_tensor(np.array([[2.0, 0.0], [2.0, 1.0]], "float32")),
        keras.ops.convert_to_tensor(np.array([[1.0], [-1.0]], "float32")),
    ]
    first, second = balancing.get("pcgrad").combine(jacobian, [1.0, 1.0])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(first), [4.0, 1.0])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(second), [0.0], atol=1e-6)


def minimum_on_the_simplex(gramian):
    """Return the least w'Gw over the simplex, trying every support."""
    best = np.inf
    for size in range(1, len(gramian) + 1):
        for support in itertools.combinations(range(len(gramian)), size):
            part = np.linalg.solve(gramian[np.ix_(support, support)], np.ones(size))
            if (part >= 0).all():
                best = min(best, 1.0 / part.sum())
    return best


def test_mgda_reaches_the_minimum_where_frank_wolfe_stops_short():
    rng = np.random.default_rng(4)
    for _ in range(10):
        jacobian = rng.standard_normal((5, 8)) * np.geomspace(0.1, 10.0, 5)[:, None]
        gramian = gramian_of(jacobian).astype("float64")
        weights = weights_of("mgda", gramian) / 5.0
        value = weights @ gramian @ weights
        np.testing.assert_allclose(value, minimum_on_the_simplex(gramian), rtol=1e-5)


def test_geometric_does_not_overflow_with_many_tasks():
    for loss in (1e6, 1e-6):
        weights = weights_of("geometric", np.eye(64), np.full(64, loss))
        np.testing.assert_allclose(weights, 1.0, rtol=1e-5)


def test_excess_mtl_does_not_put_all_weight_on_one_task_at_once():
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((2, 1000)) * np.array([[100.0], [1.0]])
    balancer = balancing.get("excess")
    for _ in range(3):
        jacobian = [keras.ops.convert_to_tensor(rows.astype("float32"))]
        found = keras.ops.convert_to_numpy(balancer.combine(jacobian, [1.0, 1.0])[0])
        weights = np.linalg.lstsq(rows.T, found, rcond=None)[0]
        assert weights.min() > 0.9


def test_pcgrad_in_any_order_removes_each_conflict_once_for_two_tasks():
    for seed in range(5):
        weights = weights_of(balancing.get("pcgrad", seed=seed), gramian_of(J))
        np.testing.assert_allclose(weights, [2.2222, 1.5789], atol=1e-4)


def test_pcgrad_follows_the_published_loop():
    rng = np.random.default_rng(6)
    jacobian = rng.standard_normal((3, 3))
    gramian = gramian_of(jacobian)
    possible = []
    orders = {
        i: [(a, b) for a in range(3) for b in range(3) if len({a, b, i}) == 3]
        for i in range(3)
    }
    for first in orders[0]:
        for second in orders[1]:
            for third in orders[2]:
                total = np.zeros(3)
                for i, order in enumerate((first, second, third)):
                    g = jacobian[i].copy()
                    for j in order:
                        inner = g @ jacobian[j]
                        if inner < 0:
                            g -= inner / (jacobian[j] @ jacobian[j]) * jacobian[j]
                    total += g
                possible.append(total)
    for seed in range(4):
        weights = weights_of(balancing.get("pcgrad", seed=seed), gramian)
        distance = np.abs(np.array(possible) - weights @ jacobian).max(axis=1)
        assert distance.min() < 1e-5


def test_gradvac_moves_its_target_to_the_cosines_it_meets():
    balancer = balancing.get("gradvac", beta=0.25)
    weights_of(balancer, gramian_of(J))
    target = keras.ops.convert_to_numpy(balancer.state["target_cosine"].value)
    cosine = -22.0 / np.sqrt(18.0 * 38.0)
    np.testing.assert_allclose(target, 0.25 * cosine * (1 - np.eye(2)), rtol=1e-5)


def test_gradvac_turns_to_the_target_that_it_learned():
    balancer = fresh("gradvac", 2, beta=0.25)
    weights_of(balancer, gramian_of(np.array([[1.0, 0.0], [0.8, 0.6]])))
    target = 0.25 * 0.8
    jacobian = np.array([[2.0, 0.0], [0.0, 1.0]])
    direction = weights_of(balancer, gramian_of(jacobian)) @ jacobian
    # Each of two orthogonal gradients gets so much of the other's direction, in units
    # of its own length, that their cosine becomes the target.
    add = target / np.sqrt(1.0 - target**2)
    np.testing.assert_allclose(direction, [2.0 + add * 1.0, 1.0 + add * 2.0], rtol=1e-5)


WEIGHTS = {
    "mgda": 2 * np.array([0.6, 0.4]),
    "pcgrad": np.array([2.2222, 1.5789]),
    "imtl_g": 2 * np.array([0.5923, 0.4077]),
    "aligned_mtl": 2 * np.array([0.5591, 0.4083]),
    "upgrad": 2 * np.array([1.1109, 0.7894]),
    "dualproj": 2 * np.array([0.6109, 0.5]),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_the_published_ones(name):
    # The shift of the diagonal again.
    slack = 5e-4 if name in ("upgrad", "dualproj") else 1.2e-4
    np.testing.assert_allclose(
        weights_of(name, gramian_of(J)), WEIGHTS[name], atol=slack
    )
