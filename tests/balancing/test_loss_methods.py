"""Methods that need losses alone, against their formulas."""

import itertools

import keras
import numpy as np
import pytest

from polytask import balancing
from polytask.errors import UserError
from tests.helpers.graded_matrices import fresh, weights_of


def run(balancer, steps):
    """Return the weights after each of some losses."""
    return [weights_of(balancer, np.eye(len(losses)), losses) for losses in steps]


def test_uncertainty_learns_the_inverse_of_the_losses():
    balancer = balancing.get("uncertainty", learning_rate=0.05)
    weights = run(balancer, [[0.5, 2.0]] * 400)[-1]
    np.testing.assert_allclose(weights, [2.0, 0.5], rtol=1e-3)


def test_uncertainty_steps_are_clipped_for_a_huge_loss():
    balancer = balancing.get("uncertainty", learning_rate=0.1)
    weights = run(balancer, [[1e6, 1.0]] * 2)[-1]
    np.testing.assert_allclose(weights, [np.exp(-0.1), 1.0], rtol=1e-6)


def test_imtl_l_drives_scaled_losses_to_one():
    balancer = balancing.get("imtl_l", learning_rate=0.05)
    weights = run(balancer, [[0.5, 2.0]] * 400)[-1]
    np.testing.assert_allclose(weights * [0.5, 2.0], 1.0, rtol=1e-3)


def test_dwa_is_one_for_two_epochs_and_then_follows_the_ratio():
    balancer = balancing.get("dwa")
    for epoch in ([[1.0, 1.0], [3.0, 1.0]], [[1.0, 1.0], [1.0, 0.0]]):
        for weights in run(balancer, epoch):
            np.testing.assert_array_equal(weights, 1.0)
        balancer.on_epoch_end()
    e = np.exp(np.array([1.0 / 2.0, 0.5 / 1.0]) / 2.0)
    np.testing.assert_allclose(
        run(balancer, [[1.0, 1.0]])[0], 2 * e / e.sum(), rtol=1e-6
    )


def test_dwa_counts_epochs_in_steps_if_told_so():
    by_steps = balancing.get("dwa", steps_per_epoch=2)
    by_call = balancing.get("dwa")
    rng = np.random.default_rng(0)
    for k in range(8):
        losses = rng.uniform(0.5, 2.0, 3)
        expected = run(by_call, [losses])[0]
        np.testing.assert_allclose(run(by_steps, [losses])[0], expected, rtol=1e-6)
        if k % 2:
            by_call.on_epoch_end()


def test_rlw_draws_other_weights_each_step_with_sum_t():
    weights = np.array(run(balancing.get("rlw"), [[1.0, 1.0, 1.0]] * 50))
    np.testing.assert_allclose(weights.sum(axis=1), 3.0, rtol=1e-5)
    assert len(np.unique(weights[:, 0])) == 50


def test_rlw_repeats_with_the_same_seed():
    first, second = (run(balancing.get("rlw", seed=3), [[1.0, 1.0]] * 3) for _ in "ab")
    np.testing.assert_array_equal(first, second)


def test_geometric_and_log_are_their_gradients():
    losses = np.array([0.5, 2.0, 8.0])
    np.testing.assert_allclose(run(balancing.get("log"), [losses])[0], 1 / losses)
    np.testing.assert_allclose(
        run(balancing.get("geometric"), [losses])[0], 2.0 / losses, rtol=1e-6
    )


@pytest.mark.parametrize(("power", "weights"), [(0, [1, 1]), (0.5, [2, 0.5])])
def test_log_with_a_power_is_between_the_sum_and_the_logarithms(power, weights):
    result = run(balancing.get("log", power=power), [[0.25, 4.0]])[0]
    np.testing.assert_allclose(result, weights, rtol=1e-6)


@pytest.mark.parametrize("power", [-0.1, 1.1, float("nan")])
def test_a_power_that_log_does_not_have_is_named(power):
    with pytest.raises(UserError, match="power must be a finite number, at least 0"):
        balancing.get("log", power=power)


def test_stch_is_t_times_the_gradient_of_its_smooth_maximum():
    losses = np.array([0.3, 1.0, 0.8])
    preference, ideal = np.array([1.0, 2.0, 0.5]), np.array([0.1, 0.2, 0.0])
    balancer = balancing.get("stch", mu=0.5, preference=preference, ideal=ideal)
    e = np.exp(preference * (losses - ideal) / 0.5)
    expected = 3 * preference * e / e.sum()
    np.testing.assert_allclose(run(balancer, [losses])[0], expected, rtol=1e-5)


def test_stch_with_small_mu_takes_the_worst_task_only():
    weights = run(balancing.get("stch", mu=1e-3), [[1.0, 2.0]])[0]
    np.testing.assert_allclose(weights, [0.0, 2.0], atol=1e-6)


def famo_by_hand(losses, rate=0.025, decay=1e-3):
    """Return FAMO's weights for a sequence of losses, as its authors' code."""
    xi = m = v = np.zeros(len(losses[0]))
    found = []
    for k, now in enumerate(losses):
        if k:
            z = np.exp(xi) / np.exp(xi).sum()
            delta = np.log(losses[k - 1]) - np.log(now)
            gradient = (np.diag(z) - np.outer(z, z)) @ delta + decay * xi
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            xi = xi - rate * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
        z = np.exp(xi) / np.exp(xi).sum()
        weights = z / now
        found.append(len(now) * weights / weights.sum())
    return found


def test_famo_follows_the_published_updates():
    losses = np.random.default_rng(1).uniform(0.5, 2.0, (12, 3))
    found = run(balancing.get("famo"), losses)
    np.testing.assert_allclose(found, famo_by_hand(losses), rtol=1e-5)


def test_famo_learns_from_the_losses_after_the_step():
    losses = np.random.default_rng(2).uniform(0.5, 2.0, (6, 3))
    reused = balancing.get("famo")
    told = balancing.get("famo", reuse_next_loss=False)
    assert told.needs_next_losses
    for now, after in itertools.pairwise(losses):
        run(reused, [now])
        run(told, [now])
        told.after_step(keras.ops.convert_to_tensor(after.astype("float32")))
    np.testing.assert_allclose(
        run(told, losses[-1:])[0], run(reused, losses[-1:])[0], rtol=1e-5
    )


def test_famo_takes_losses_above_their_lower_bounds():
    balancer = balancing.get("famo", lower_bounds=[-2.0, 0.0])
    weights = run(balancer, [[-1.0, 1.0]])[0]
    np.testing.assert_allclose(weights, 1.0, rtol=1e-6)
    with pytest.raises(UserError, match="above -2"):
        run(balancer, [[-2.5, 1.0]])


def test_gradnorm_evens_the_norms_at_equal_rates():
    balancer = fresh("gradnorm", 3)
    gramian = np.diag([4.0, 1.0, 0.25])
    for _ in range(600):
        weights = weights_of(balancer, gramian)
    norms = weights * [2.0, 1.0, 0.5]
    np.testing.assert_allclose(norms, norms.mean(), rtol=0.05)
    np.testing.assert_allclose(weights.sum(), 3.0, rtol=1e-5)


def test_gradnorm_favors_the_slow_task():
    balancer = fresh("gradnorm", 2)
    for k in range(60):
        weights = weights_of(balancer, np.eye(2), [1.0, 0.97**k])
    assert weights[0] > 1.2 > 0.8 > weights[1]


def test_fixed_weights_are_checked():
    with pytest.raises(UserError, match="non-negative"):
        balancing.get("fixed", task_weights=[1.0, -1.0])
    with pytest.raises(UserError, match="2 task_weights for 3 tasks"):
        run(balancing.get("fixed", task_weights=[1.0, 1.0]), [[1.0, 1.0, 1.0]])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dwa", {"temperature": 0.0}, "temperature"),
        ("stch", {"mu": 0.0}, "mu"),
        ("stch", {"preference": [1.0, 0.0]}, "preference"),
        ("cagrad", {"c": -0.1}, "c must"),
        ("fairgrad", {"alpha": 0.0}, "alpha"),
        ("gradvac", {"beta": 2.0}, "beta"),
        ("aligned_mtl", {"scale": "mim"}, 'Did you mean "min"'),
        ("graddrop", {"leak": [2.0]}, "leak"),
        ("equal", {"update_every": 0}, "update_every"),
        ("equal", {"update_every": 1.5}, "update_every must be a whole number"),
        ("equal", {"update_every": "a"}, "update_every must be a whole number"),
        ("auto_lambda", {"learning_rate": -1.0}, "AutoLambda: learning_rate must"),
        ("db_mtl", {"beta": 1.0}, "DBMTL: beta must be a finite number, at least 0"),
        ("dwa", {"temperature": float("nan")}, "temperature must be a finite number"),
        ("dwa", {"steps_per_epoch": 0}, "steps_per_epoch must be an integer"),
        ("excess", {"learning_rate": None}, "ExcessMTL: learning_rate must"),
        ("famo", {"decay": float("inf")}, "FAMO: decay must be a finite number"),
        ("famo", {"lower_bounds": ["a"]}, "lower_bounds must be finite"),
        ("go4align", {"learning_rate": -1.0}, "GO4Align: learning_rate must"),
        ("gradnorm", {"alpha": float("nan")}, "GradNorm: alpha must be a finite"),
        ("imtl_l", {"initial": "a"}, "IMTLL: initial must be a finite number"),
        ("ldc_mtl", {"learning_rate": -1.0}, "LDCMTL: learning_rate must"),
        ("moco", {"tracking": 2.0}, "MoCo: tracking must be a finite number, above 0"),
        ("modo", {"rho": -1.0}, "MoDo: rho must be a finite number, at least 0"),
        ("sdmgrad", {"steps": 0}, "SDMGrad: steps must be an integer, at least 1"),
    ],
)
def test_options_out_of_range_are_named(name, options, message):
    with pytest.raises(UserError, match=message):
        balancing.get(name, **options)


def test_numbers_for_each_task_are_counted():
    with pytest.raises(UserError, match="1 numbers in lower_bounds for 2 tasks"):
        run(balancing.get("famo", lower_bounds=[0.0]), [[1.0, 1.0]])
    with pytest.raises(UserError, match="1 numbers in leak for 2 tasks"):
        balancing.get("graddrop", leak=[0.5]).combine([np.eye(2)], [1.0, 1.0])


def test_dwa_counts_the_steps_between_two_updates():
    rare = balancing.get("dwa", steps_per_epoch=4, update_every=2)
    often = balancing.get("dwa", steps_per_epoch=2)
    for falling in (1.0, 1.0, 0.5, 0.5, 0.3, 0.3):
        expected = run(often, [[falling, 1.0]])[0]
        found = run(rare, [[falling, 1.0]] * 2)
        np.testing.assert_allclose(found, [expected] * 2, rtol=1e-6)
