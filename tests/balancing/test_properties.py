"""What all balancers promise, over graded gradients and scales."""

import keras
import numpy as np
import pytest
from graded_matrices import (
    DETERMINISTIC,
    GRAMIAN_METHODS,
    MATRICES,
    SCALES,
    WELL_POSED,
    fresh,
    gramian_of,
    state_of,
    weights_of,
)

from polytask import balancing
from polytask.errors import UserError

LOSS_METHODS = tuple(
    name
    for name in balancing.names()
    if name != "fixed" and balancing.get(name).requires == "losses"
)
#: How the weights change when all gradients are multiplied by s.
DEGREES = {"nash_mtl": -1.0, "fairgrad": -4.0 / 3.0}
#: Directions that hurt no task. ConFIG's and IMTL-G's equal projections may all be
#: negative where the least squares solution is not exact.
NON_CONFLICTING = ("mgda", "upgrad", "dualproj", "nash_mtl", "fairgrad")


def tolerance(name, matrix):
    """Return the relative accuracy that float32 allows."""
    # Singular values lose digits by the ratio of the norms where they are computed
    # in float32, on JAX.
    single = keras.backend.backend() == "jax" and name == "aligned_mtl"
    return 3e-4 if single and matrix.startswith("norms") else 2e-5


@pytest.mark.parametrize("name", [*GRAMIAN_METHODS, *LOSS_METHODS])
@pytest.mark.parametrize("tasks", [2, 5])
def test_orthonormal_gradients_with_equal_losses_get_ones(name, tasks):
    if name == "rlw":
        pytest.skip("random by definition")
    np.testing.assert_allclose(weights_of(name, np.eye(tasks)), 1.0, rtol=2e-6)


@pytest.mark.parametrize("name", ["mgda", "upgrad", "cagrad", "nash_mtl", "pcgrad"])
def test_a_single_task_keeps_its_gradient(name):
    np.testing.assert_allclose(weights_of(name, np.eye(1)), 1.0, rtol=2e-6)


@pytest.mark.parametrize("name", GRAMIAN_METHODS)
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("scale", SCALES)
def test_weights_are_finite(name, matrix, scale):
    jacobian = MATRICES[matrix]
    balancer = fresh(name, len(jacobian))
    assert np.isfinite(weights_of(balancer, gramian_of(scale * jacobian))).all()
    assert float(balancer.skipped_steps.value) == 0


@pytest.mark.parametrize("name", GRAMIAN_METHODS)
@pytest.mark.parametrize("matrix", WELL_POSED)
@pytest.mark.parametrize("scale", SCALES)
def test_scale_changes_nothing_but_the_known_factor(name, matrix, scale):
    jacobian = MATRICES[matrix]
    plain = weights_of(name, gramian_of(jacobian))
    scaled = weights_of(name, gramian_of(scale * jacobian))
    factor = scale ** DEGREES.get(name, 0.0)
    slack = tolerance(name, matrix)
    largest = np.abs(plain).max()
    np.testing.assert_allclose(scaled / factor, plain, rtol=slack, atol=slack * largest)


@pytest.mark.parametrize("name", NON_CONFLICTING)
@pytest.mark.parametrize("matrix", MATRICES)
def test_direction_hurts_no_task(name, matrix):
    jacobian = MATRICES[matrix]
    direction = weights_of(name, gramian_of(jacobian)) @ jacobian
    norms = np.linalg.norm(jacobian, axis=1)
    reach = np.linalg.norm(direction)
    # For opposed gradients Nash bargaining has no solution; its weights are large.
    slack = 1e-2 if matrix in ("opposite", "rank two") else 2e-6
    assert (jacobian @ direction >= -slack * norms * max(reach, norms.min())).all()


@pytest.mark.parametrize("name", DETERMINISTIC)
@pytest.mark.parametrize("matrix", WELL_POSED)
def test_permuting_the_tasks_permutes_the_weights(name, matrix):
    jacobian = MATRICES[matrix]
    order = np.random.default_rng(0).permutation(len(jacobian))
    plain = weights_of(name, gramian_of(jacobian))
    permuted = weights_of(name, gramian_of(jacobian[order]))
    slack = tolerance(name, matrix)
    largest = np.abs(plain).max()
    np.testing.assert_allclose(permuted, plain[order], rtol=slack, atol=slack * largest)


@pytest.mark.parametrize("name", DETERMINISTIC)
@pytest.mark.parametrize("matrix", ["random", "norms from 0.01 to 100"])
def test_an_absent_task_is_removed_from_the_problem(name, matrix):
    jacobian = MATRICES[matrix]
    present = np.array([False, False, True, True, False])
    polluted = gramian_of(jacobian)
    polluted[~present] = np.nan
    polluted[:, ~present] = np.nan
    masked = weights_of(name, polluted, present=present)
    alone = weights_of(name, gramian_of(jacobian[present]))
    assert (masked[~present] == 0).all()
    slack = tolerance(name, matrix)
    np.testing.assert_allclose(
        masked[present], alone, rtol=slack, atol=slack * np.abs(alone).max()
    )


@pytest.mark.parametrize("name", LOSS_METHODS)
def test_an_absent_task_is_removed_from_the_losses(name):
    if name == "rlw":
        pytest.skip("random by definition")
    losses = np.array([0.5, np.nan, 2.0, 0.1], "float32")
    present = np.array([True, False, True, True])
    masked = weights_of(name, np.eye(4), losses, present)
    alone = weights_of(name, np.eye(3), losses[present])
    assert masked[1] == 0
    np.testing.assert_allclose(masked[present], alone, rtol=1e-6)


@pytest.mark.parametrize("name", [*GRAMIAN_METHODS, *LOSS_METHODS])
def test_state_of_an_absent_task_does_not_move(name):
    balancer = fresh(name, 5)
    gramian = gramian_of(MATRICES["random"])
    losses = np.array([1.0, 0.5, 2.0, 0.3, 0.7], "float32")
    weights_of(balancer, gramian, losses)
    before = state_of(balancer)
    weights_of(balancer, gramian, losses * 0.7, [True, True, False, True, True])
    for old, new in zip(before, state_of(balancer), strict=True):
        if old.shape[:1] == (5,):
            np.testing.assert_array_equal(new[2], old[2])
        if old.shape == (5, 5):
            np.testing.assert_array_equal(new[:, 2], old[:, 2])


@pytest.mark.parametrize("name", [*GRAMIAN_METHODS, *LOSS_METHODS])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_skips_the_step_and_counts_it(name, bad):
    balancer = fresh(name, 2)
    gramian = gramian_of(MATRICES["two conflicting"])
    weights_of(balancer, gramian, [1.0, 0.5])
    before = state_of(balancer)
    assert (weights_of(balancer, gramian, [bad, 1.0]) == 0).all()
    for old, new in zip(before, state_of(balancer), strict=True):
        np.testing.assert_array_equal(new, old)
    assert float(balancer.skipped_steps.value) == 1
    assert np.isfinite(weights_of(balancer, gramian, [1.0, 0.5])).all()


@pytest.mark.parametrize("name", GRAMIAN_METHODS)
def test_a_gramian_that_is_not_finite_skips_the_step(name):
    balancer = fresh(name, 2)
    assert (weights_of(balancer, [[1.0, np.nan], [np.nan, 1.0]]) == 0).all()
    assert float(balancer.skipped_steps.value) == 1


@pytest.mark.parametrize("name", [*GRAMIAN_METHODS, *LOSS_METHODS])
def test_no_task_present_gives_zeros_and_moves_nothing(name):
    balancer = fresh(name, 2)
    before = state_of(balancer)
    weights = weights_of(balancer, np.eye(2), [np.nan, np.nan], [False, False])
    assert (weights == 0).all()
    for old, new in zip(before, state_of(balancer), strict=True):
        np.testing.assert_array_equal(new, old)
    assert float(balancer.skipped_steps.value) == 0


@pytest.mark.parametrize("name", [*GRAMIAN_METHODS, *LOSS_METHODS])
def test_compiled_weights_equal_eager_ones_and_the_state_advances(name):
    slow = keras.backend.backend() == "jax" and name in GRAMIAN_METHODS
    if slow and name not in ("mgda", "pcgrad", "gradnorm"):
        pytest.skip("an eager loop compiles anew at every call on JAX")
    eager, traced = balancing.get(name), fresh(name, 5)
    gramian, present = gramian_of(MATRICES["random"]), [True, True, True, True, False]
    for factor in (1.0,) if slow else (1.0, 0.8, 0.9):
        losses = np.array([1.0, 0.5, 2.0, 0.3, 0.7]) * factor
        expected = weights_of(eager, gramian, losses, present)
        found = weights_of(traced, gramian, losses, present)
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)
    for old, new in zip(state_of(eager), state_of(traced), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", balancing.names())
def test_configuration_goes_round(name):
    options = {"task_weights": [1.0, 2.0]} if name == "fixed" else {}
    balancer = balancing.get(name, **options)
    again = balancing.deserialize(balancing.serialize(balancer))
    assert type(again) is type(balancer)
    assert again.get_config() == balancer.get_config()


@pytest.mark.parametrize(
    "name", [n for n in LOSS_METHODS if balancing.get(n).positive_losses]
)
@pytest.mark.parametrize("loss", [0.0, -0.3])
def test_a_loss_that_is_not_positive_is_refused_by_name(name, loss):
    balancer = balancing.get(name)
    balancer.build(2, task_names=("age", "income"))
    with pytest.raises(UserError, match=f"income.*{loss:g}"):
        weights_of(balancer, np.eye(2), [1.0, loss])


@pytest.mark.parametrize("name", ["uncertainty", "imtl_l", "dwa"])
def test_a_negative_loss_is_refused_but_zero_is_not(name):
    with pytest.raises(UserError, match=r"task 1 has the loss -0\.3"):
        weights_of(name, np.eye(2), [1.0, -0.3])
    weights_of(name, np.eye(2), [1.0, 0.0])


def test_a_gradient_method_takes_negative_losses():
    weights_of("mgda", np.eye(2), [-1.0, -2.0])


@pytest.mark.parametrize("name", GRAMIAN_METHODS)
def test_a_missing_gramian_is_named(name):
    with pytest.raises(UserError, match="gramian"):
        balancing.get(name).weights(keras.ops.ones(2))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UserError, match='Did you mean "nash_mtl"'):
        balancing.get("nashmtl")


def test_another_number_of_tasks_is_refused():
    balancer = balancing.get("equal")
    balancer.build(3)
    with pytest.raises(UserError, match="3 tasks"):
        balancer.weights(keras.ops.ones(2))
