"""Combined balancers and updates every few steps."""

import keras
import numpy as np
import pytest

from polytask import balancing
from polytask.errors import UserError
from tests.helpers.graded_matrices import MATRICES, fresh, gramian_of, weights_of

GRAMIAN = gramian_of(MATRICES["random"])


def test_combined_balances_the_weighted_tasks():
    first = [1.0, 2.0, 0.5, 3.0, 1.0]
    balancer = balancing.Combined(balancing.Fixed(first), balancing.PCGrad())
    scaled = GRAMIAN * np.outer(first, first)
    expected = first * weights_of("pcgrad", scaled)
    np.testing.assert_allclose(weights_of(balancer, GRAMIAN), expected, rtol=1e-5)


def test_two_names_make_a_combined_balancer():
    balancer = balancing.get("log+nash_mtl", update_every=2)
    assert balancer.requires == "gramian"
    assert balancer.positive_losses
    assert balancer.gradients.update_every == 2
    # Nash bargaining undoes any scale of the losses: w' = w / u.
    found = weights_of(balancer, GRAMIAN, [0.1, 1.0, 2.0, 0.5, 3.0])
    np.testing.assert_allclose(found, weights_of("nash_mtl", GRAMIAN), rtol=1e-5)


def test_combined_goes_round_with_its_parts():
    balancer = balancing.get("dwa+cagrad", c=0.3)
    again = balancing.deserialize(balancing.serialize(balancer))
    assert isinstance(again.losses, balancing.DWA)
    assert again.gradients.c == 0.3
    assert again.get_config() == balancer.get_config()


def test_combined_passes_scaled_gradients_to_a_jacobian_method():
    rows = np.eye(2, 6, dtype="float32")
    balancer = balancing.Combined(balancing.Fixed([2.0, 3.0]), balancing.GradDrop())
    jacobian = [keras.ops.convert_to_tensor(rows.reshape(2, 2, 3))]
    found = keras.ops.convert_to_numpy(balancer.combine(jacobian, [1.0, 1.0])[0])
    np.testing.assert_allclose(found.reshape(-1), [2.0, 3.0] @ rows)


def test_combined_refuses_a_gradient_method_in_the_first_place():
    with pytest.raises(UserError, match="losses alone"):
        balancing.get("mgda+dwa")


def test_combined_refuses_what_would_wait_for_losses_after_the_step():
    with pytest.raises(UserError, match="FAMO wants; take reuse_next_loss=True"):
        balancing.Combined(balancing.Equal(), balancing.FAMO(reuse_next_loss=False))


def test_an_unknown_part_is_named():
    with pytest.raises(UserError, match='Did you mean "mgda"'):
        balancing.get("equal+mgad")


def test_weights_are_kept_between_updates():
    balancer = fresh("mgda", 5, update_every=3)
    others = [gramian_of(MATRICES[m]) for m in ("duplicate", "opposite", "aligned")]
    due = []
    first = None
    for gramian in [GRAMIAN, *others]:
        due.append(bool(balancer.due()))
        weights = weights_of(balancer, gramian)
        first = weights if first is None else first
        if not due[-1]:
            np.testing.assert_array_equal(weights, first)
    assert due == [True, False, False, True]
    np.testing.assert_allclose(weights, weights_of("mgda", others[-1]), rtol=1e-5)


def test_a_task_absent_at_the_update_keeps_its_earlier_weight():
    balancer = fresh("mgda", 2, update_every=2)
    gramian = GRAMIAN[:2, :2]
    weights_of(balancer, gramian, present=[True, False])
    np.testing.assert_allclose(
        weights_of(balancer, gramian, present=[False, True]), [0.0, 1.0]
    )


def test_state_rests_between_updates():
    balancer = balancing.get("uncertainty", update_every=2)
    before = weights_of(balancer, np.eye(2), [5.0, 5.0])
    held = weights_of(balancer, np.eye(2), [5.0, 5.0])
    moved = weights_of(balancer, np.eye(2), [5.0, 5.0])
    np.testing.assert_array_equal(held, before)
    np.testing.assert_allclose(moved, np.exp(-0.01), rtol=1e-6)
