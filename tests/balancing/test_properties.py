"""What balancers promise beyond `BalancerContract`, see `test_contract`."""

import keras
import numpy as np
import pytest

from polytask import balancing
from polytask.errors import UserError
from tests.helpers.graded_matrices import (
    GRAMIAN_METHODS,
    MATRICES,
    fresh,
    gramian_of,
    state_of,
    weights_of,
)

LOSS_METHODS = tuple(
    name
    for name in balancing.names()
    if name != "fixed" and balancing.get(name).requires == "losses"
)
#: Directions that hurt no task. ConFIG's and IMTL-G's equal projections may all be
#: negative where the least squares solution is not exact.
NON_CONFLICTING = ("mgda", "upgrad", "dualproj", "nash_mtl", "fairgrad")


@pytest.mark.parametrize("name", ["mgda", "upgrad", "cagrad", "nash_mtl", "pcgrad"])
def test_a_single_task_keeps_its_gradient(name):
    np.testing.assert_allclose(weights_of(name, np.eye(1)), 1.0, rtol=2e-6)


@pytest.mark.parametrize("name", NON_CONFLICTING)
@pytest.mark.parametrize("matrix", ["two conflicting", "opposite", "rank two"])
def test_direction_hurts_no_task(name, matrix):
    jacobian = MATRICES[matrix]
    direction = weights_of(name, gramian_of(jacobian)) @ jacobian
    norms = np.linalg.norm(jacobian, axis=1)
    reach = np.linalg.norm(direction)
    # For opposed gradients Nash bargaining has no solution; its weights are large.
    slack = 1e-2 if matrix in ("opposite", "rank two") else 2e-6
    assert (jacobian @ direction >= -slack * norms * max(reach, norms.min())).all()


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
