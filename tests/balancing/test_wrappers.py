"""Balancers around another one."""

import keras
import numpy as np
import pytest

from polytask import balancing
from polytask.errors import UserError
from tests.helpers.graded_matrices import (
    MATRICES,
    fresh,
    gramian_of,
    state_of,
    weights_of,
)

GRAMIANS = [gramian_of(MATRICES[k]) for k in ("random", "aligned", "duplicate")]


def test_cr_mogm_averages_the_weights_from_the_first_on():
    balancer = balancing.get("cr_mogm+nash_mtl")
    assert isinstance(balancer.balancer, balancing.NashMTL)
    expected = weights_of("nash_mtl", GRAMIANS[0])
    for gramian in GRAMIANS:
        expected = 0.9 * expected + 0.1 * weights_of("nash_mtl", gramian)
        found = weights_of(balancer, gramian)
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_cr_mogm_follows_a_schedule():
    schedule = keras.optimizers.schedules.PolynomialDecay(0.0, 4, end_learning_rate=1.0)
    balancer = balancing.CRMOGM(balancing.NashMTL(), alpha=schedule)
    balancer = balancing.deserialize(balancing.serialize(balancer))
    expected = weights_of(balancer, GRAMIANS[0])
    for step, gramian in enumerate(GRAMIANS[1:], 1):
        share = step / 4
        expected = share * expected + (1 - share) * weights_of("nash_mtl", gramian)
        found = weights_of(balancer, gramian)
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_cr_mogm_starts_an_absent_task_with_its_first_own_weight():
    balancer = balancing.get("cr_mogm+nash_mtl")
    weights_of(balancer, GRAMIANS[0], present=[True, True, True, True, False])
    found = weights_of(balancer, GRAMIANS[1])
    np.testing.assert_allclose(
        found[4], weights_of("nash_mtl", GRAMIANS[1])[4], rtol=1e-5
    )


def test_cr_mogm_smooths_what_is_kept_between_updates():
    balancer = balancing.CRMOGM(balancing.MGDA(update_every=2), alpha=0.5)
    first = weights_of(balancer, GRAMIANS[0])
    assert not bool(balancer.due())
    held = balancer.hold(np.ones(5, "float32"))
    np.testing.assert_allclose([float(w) for w in held], first, rtol=1e-6)


def test_names_may_stand_in_a_row():
    balancer = balancing.get("task_dropout+cr_mogm+dwa+cagrad", c=0.3)
    assert balancer.balancer.balancer.gradients.c == 0.3
    again = balancing.deserialize(balancing.serialize(balancer))
    assert again.get_config() == balancer.get_config()
    assert again.balancer.balancer.gradients.c == 0.3


@pytest.mark.slow
@pytest.mark.two_backends
def test_task_dropout_takes_a_task_out_of_the_problem():
    balancer = balancing.TaskDropout(balancing.MGDA(), rate=[0.5, 0.0, 0.0, 0.0, 0.0])
    gramian = GRAMIANS[0]
    without = weights_of("mgda", gramian, present=[False, True, True, True, True])
    whole = weights_of("mgda", gramian) * [2.0, 1.0, 1.0, 1.0, 1.0]
    drawn = np.array([weights_of(balancer, gramian) for _ in range(30)])
    dropped = drawn[:, 0] == 0
    assert 5 < dropped.sum() < 25
    np.testing.assert_allclose(drawn[dropped] - without, 0.0, atol=1e-5)
    np.testing.assert_allclose(drawn[~dropped] - whole, 0.0, atol=1e-5)


def test_task_dropout_leaves_the_state_of_what_it_drops():
    balancer = balancing.TaskDropout(balancing.Uncertainty(), rate=[0.5, 0.0])
    balancer.build(2)
    before = state_of(balancer.balancer)[0]
    for _ in range(10):
        drops = weights_of(balancer, np.eye(2), [3.0, 3.0])[0] == 0
        after = state_of(balancer.balancer)[0]
        assert (after[0] == before[0]) == drops
        assert after[1] != before[1]
        before = after


@pytest.mark.slow
@pytest.mark.two_backends
def test_task_dropout_keeps_the_update_on_average():
    balancer = fresh("task_dropout", 3, rate=0.3)
    drawn = np.array([weights_of(balancer, np.eye(3)) for _ in range(1000)])
    np.testing.assert_allclose(drawn.mean(axis=0), 1.0, atol=0.1)


@pytest.mark.parametrize("name", ["cr_mogm", "task_dropout"])
def test_a_wrapper_refuses_a_balancer_without_weights(name):
    with pytest.raises(UserError, match="GradDrop that needs the jacobian"):
        balancing.get(f"{name}+graddrop")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "cr_mogm",
            {"alpha": 1.0},
            "alpha must be a finite number, at least 0, below 1",
        ),
        ("cr_mogm", {"balancer": "mgda"}, "found str"),
        ("task_dropout", {"rate": 1.0}, "rate must be at least 0"),
        ("task_dropout", {"rate": []}, "rate must be at least 0"),
    ],
)
def test_options_out_of_range_are_named(name, options, message):
    with pytest.raises(UserError, match=message):
        balancing.get(name, **options)


def test_rates_need_one_for_each_task():
    with pytest.raises(UserError, match="2 numbers in rate for 3 tasks"):
        balancing.get("task_dropout", rate=[0.1, 0.2]).build(3)


@pytest.mark.parametrize(
    "balancer",
    [
        balancing.TaskDropout(rate=[0.1, 0.2]),
        balancing.Combined(balancing.RLW(), balancing.UPGrad(preference=[1, 2])),
        balancing.CRMOGM(balancing.UPGrad(preference=[1, 2])),
    ],
    ids=lambda b: type(b).__name__,
)
def test_what_was_refused_is_not_built(balancer):
    with pytest.raises(UserError, match="give one for each"):
        balancer.build(3)
    balancer.build(2)
    assert weights_of(balancer, np.eye(2)).shape == (2,)


def test_parts_that_are_no_balancers_are_refused():
    with pytest.raises(UserError, match="two balancers; found 'dwa'"):
        balancing.Combined("dwa", balancing.MGDA())


def test_a_step_between_two_updates_is_counted_where_it_is_skipped():
    balancer = balancing.NashMTL(update_every=2)
    balancer.weights(np.ones(2, "float32"), np.eye(2, dtype="float32"))
    held = balancer.hold(np.array([1.0, np.nan], "float32"))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(held), 0)
    assert float(balancer.skipped_steps) == 1
