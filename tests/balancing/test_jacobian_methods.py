"""Methods that need the task gradients, and stochastic ones."""

import keras
import numpy as np
import pytest

from polytask import balancing
from polytask.errors import UserError
from tests.helpers.graded_matrices import fresh, gramian_of, weights_of

NAMES = ("db_mtl", "excess", "graddrop", "moco")
ROWS = np.random.default_rng(0).standard_normal((3, 10)).astype("float32")


def combine(balancer, rows, losses=None, present=None):
    """Return the direction for gradients split over two variables."""
    losses = np.ones(len(rows), "float32") if losses is None else losses
    jacobian = [
        keras.ops.convert_to_tensor(rows[:, :4].reshape(-1, 2, 2)),
        keras.ops.convert_to_tensor(rows[:, 4:]),
    ]
    first, second = balancer.combine(jacobian, losses, present)
    assert tuple(first.shape) == (2, 2)
    parts = [keras.ops.convert_to_numpy(x).reshape(-1) for x in (first, second)]
    return np.concatenate(parts)


@pytest.mark.parametrize("name", NAMES)
def test_orthonormal_gradients_are_summed(name):
    rows = np.eye(3, 10, dtype="float32")
    np.testing.assert_allclose(
        combine(balancing.get(name), rows), rows.sum(axis=0), rtol=1e-5
    )


@pytest.mark.parametrize("name", ["db_mtl", "excess", "moco"])
def test_an_absent_task_is_removed(name):
    present = keras.ops.convert_to_tensor([True, False, True])
    polluted = ROWS.copy()
    polluted[1] = np.nan
    masked, alone = balancing.get(name), balancing.get(name)
    for factor in (1.0, 0.7):
        found = combine(masked, factor * polluted, [1.0, np.nan, 2.0], present)
        expected = combine(alone, factor * ROWS[[0, 2]], [1.0, 2.0])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_that_is_not_finite_skips_the_step(name):
    balancer, untouched = balancing.get(name), balancing.get(name)
    for each in (balancer, untouched):
        combine(each, ROWS)
    broken = ROWS.copy()
    broken[0, 0] = np.inf
    assert (combine(balancer, broken) == 0).all()
    assert float(balancer.skipped_steps.value) == 1
    np.testing.assert_array_equal(combine(balancer, ROWS), combine(untouched, ROWS))


@pytest.mark.parametrize("name", ["db_mtl", "excess", "moco"])
def test_direction_scales_with_the_gradients(name):
    plain, scaled = balancing.get(name), balancing.get(name)
    for _ in range(3):
        np.testing.assert_allclose(
            combine(scaled, ROWS * 1e5), combine(plain, ROWS) * 1e5, rtol=1e-4
        )


def test_graddrop_keeps_one_sign_per_coordinate():
    found = combine(balancing.get("graddrop"), ROWS)
    positive = np.where(ROWS > 0, ROWS, 0).sum(axis=0)
    negative = np.where(ROWS < 0, ROWS, 0).sum(axis=0)
    near = np.isclose(found, positive) | np.isclose(found, negative)
    assert near.all()


def test_graddrop_keeps_the_sum_on_average():
    balancer = balancing.get("graddrop")
    rows = np.tile(np.array([[3.0], [-1.0]], "float32"), (1, 4000))
    # Positive with probability 3/4: 3/4 * 3 - 1/4 * 1.
    np.testing.assert_allclose(combine(balancer, rows).mean(), 2.0, atol=0.1)


def test_graddrop_leaks_everything_at_one():
    balancer = balancing.get("graddrop", leak=[1.0, 1.0, 1.0])
    np.testing.assert_allclose(combine(balancer, ROWS), ROWS.sum(axis=0), rtol=1e-5)


def test_db_mtl_gives_all_averages_the_largest_norm():
    losses = np.array([0.5, 2.0, 1.0], "float32")
    balancer = balancing.get("db_mtl", beta=0.5)
    combine(balancer, ROWS, losses)
    found = combine(balancer, 2 * ROWS, losses)
    means = (0.25 * 1 + 0.5 * 2) / 0.75 * ROWS / losses[:, None]
    norms = np.linalg.norm(means, axis=1)
    expected = (norms.max() / norms) @ means
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_db_mtl_needs_positive_losses():
    with pytest.raises(UserError, match="loss -1"):
        combine(balancing.get("db_mtl"), ROWS, np.array([1.0, -1.0, 1.0], "float32"))


def test_moco_follows_its_updates():
    balancer = balancing.get("moco", tracking=0.5, learning_rate=1e-3)
    combine(balancer, ROWS)
    found = combine(balancer, 3 * ROWS)
    weights = np.linalg.lstsq(ROWS.T, found, rcond=None)[0]
    # Tracked: 2 g; the weights stay near 1 at so small a learning rate.
    np.testing.assert_allclose(weights, 2.0, rtol=1e-2)


@pytest.mark.slow
@pytest.mark.two_backends
def test_moco_tends_to_the_shortest_combination():
    balancer = balancing.get("moco", learning_rate=0.2)
    for _ in range(300):
        found = combine(balancer, ROWS[:2])
    expected = weights_of("mgda", gramian_of(ROWS[:2])) @ ROWS[:2]
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("name", ["modo", "sdmgrad"])
def test_stochastic_methods_tend_to_the_shortest_combination(name):
    balancer = fresh(name, 3)
    assert balancer.cross_batch
    gramian = gramian_of(ROWS)
    for _ in range(400):
        weights = weights_of(balancer, gramian)
    if name == "sdmgrad":
        # The share that is not pulled to the mean, where the pull moves it little.
        weights = 1.3 * weights - 0.3
        gradient = gramian @ (weights + 0.3)
        assert gradient @ weights / 3 <= gradient.min() + 1e-3
    else:
        np.testing.assert_allclose(weights, weights_of("mgda", gramian), atol=1e-2)


def test_a_tracking_method_names_what_it_needs_to_be_built():
    balancer = balancing.get("moco")
    with pytest.raises(UserError, match="shapes"):
        balancer.build(3)
    # And takes it then.
    balancer.build(3, shapes=((2,),))
    assert "tracked_gradient_0" in balancer.state


def test_weights_of_a_jacobian_method_point_to_combine():
    with pytest.raises(UserError, match="combine"):
        balancing.get("graddrop").weights(keras.ops.ones(2))


@pytest.mark.parametrize("name", ["imtl_g", "equal"])
def test_combine_of_other_methods_is_the_weighted_sum(name):
    found = combine(balancing.get(name), ROWS)
    expected = weights_of(name, gramian_of(ROWS)) @ ROWS
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
