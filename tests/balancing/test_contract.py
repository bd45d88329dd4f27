"""Every balancer keeps the contract, which others inherit as well."""

import math
from inspect import signature

import keras
import numpy as np
import pytest

from polytask import UserError, balancing
from polytask.testing import BalancerContract

#: What each method is known to do otherwise.
PROMISES = {
    "aligned_mtl": {},
    "auto_lambda": {},
    "cagrad": {},
    "config": {},
    "consmtl": {"degree": -4.0 / 3.0, "hurts_no_task": True},
    # Without a primary task all weights are 1.
    "cosine_gating": {},
    "cosmos": {},
    "cr_mogm": {"hurts_no_task": True},
    "dualproj": {"hurts_no_task": True},
    "dwa": {},
    "equal": {},
    "fairgrad": {"degree": -4.0 / 3.0, "hurts_no_task": True},
    "famo": {},
    "fixed": {"deterministic": False},
    "geometric": {},
    "go4align": {},
    "gradnorm": {},
    "gradvac": {"deterministic": False},
    "imtl_g": {},
    "imtl_l": {},
    # Neighbors in the order of the tasks.
    "ldc_mtl": {"deterministic": False},
    "log": {},
    "mgda": {"hurts_no_task": True},
    "modo": {},
    "nash_mtl": {"degree": -1.0, "hurts_no_task": True},
    "pbi": {},
    # The first task is another than the rest.
    "pcd": {
        "deterministic": False,
        "sums_orthonormal": False,
        "hurts_no_task": True,
    },
    "pcgrad": {"deterministic": False},
    "pivrg": {"degree": -4.0 / 3.0, "hurts_no_task": True},
    "rlw": {"deterministic": False, "sums_orthonormal": False, "degree": None},
    "sdmgrad": {},
    "stch": {},
    "task_dropout": {"deterministic": False, "sums_orthonormal": False},
    "uncertainty": {},
    "upgrad": {"hurts_no_task": True},
}


def contract(name, promises):
    """Return the contract of a balancer by its name."""
    options = {"task_weights": [1.0] * 5} if name == "fixed" else {}
    make = {"make": lambda self: balancing.get(name, **options)}
    return type(f"Test_{name}", (BalancerContract,), {**promises, **make})


for _name, _promises in PROMISES.items():
    # Singular values lose digits by the ratio of the norms where they are computed
    # in float32, on JAX.
    if _name == "aligned_mtl" and keras.backend.backend() == "jax":
        _promises = {"slack": 3e-4}
    globals()[f"Test_{_name}"] = contract(_name, _promises)


class TestCOSMOSOfDrawnRays(BalancerContract):
    deterministic = False
    sums_orthonormal = False

    def make(self):
        return balancing.COSMOS(concentration=1.2)


class TestLDCMTLOfAllPairs(BalancerContract):
    def make(self):
        return balancing.LDCMTL(penalty=0.3, pairs="all")


def test_no_balancer_is_left_out():
    whole = {n for n in balancing.names() if n not in ("fixed",)}
    weighting = {n for n in whole if balancing.get(n).requires != "jacobian"}
    assert set(PROMISES) == weighting | {"fixed"}


def _number_options():
    for name in PROMISES:
        options = {"task_weights": [1.0]} if name == "fixed" else {}
        made = signature(type(balancing.get(name, **options)))
        for option, parameter in made.parameters.items():
            if isinstance(parameter.default, float):
                yield name, option


@pytest.mark.parametrize(("name", "option"), _number_options())
@pytest.mark.parametrize("value", ["much", math.nan, True])
def test_an_option_that_is_no_number_is_refused_by_name(name, option, value):
    with pytest.raises(UserError, match=option):
        balancing.get(name, **{option: value})


class Sloppy(balancing.Balancer):
    """The mean below an absolute threshold, as a public implementation has it."""

    requires = "gramian"

    def compute(self, ops, losses, gramian, present, state):
        norms = ops.sqrt(ops.diagonal(gramian))
        short = ops.sum(ops.diagonal(gramian)) < 1e-4
        weights = ops.where(norms > 0, 1.0 / ops.maximum(norms, 1e-12), 0.0)
        return ops.where(short, ops.ones_like(weights), weights), {}


class SloppyContract(BalancerContract):
    degree = -1.0

    def make(self):
        return Sloppy()


def test_an_absolute_threshold_is_found():
    with pytest.raises(AssertionError):
        SloppyContract().test_scale_changes_nothing_but_the_known_factor()


def test_a_direction_that_hurts_is_found():
    class Hurting(BalancerContract):
        hurts_no_task = True

        def make(self):
            return balancing.Equal()

    with pytest.raises(AssertionError):
        Hurting().test_the_direction_hurts_no_task()


def test_a_balancer_that_keras_cannot_load_is_found():
    with pytest.raises(TypeError, match="Sloppy"):
        SloppyContract().test_the_configuration_rebuilds_the_balancer()


def test_the_contract_passes_what_is_right():
    SloppyContract().test_permuting_the_tasks_permutes_the_weights()
    SloppyContract().test_an_absent_task_is_removed_and_not_taken_for_zero()


def test_a_state_that_moves_for_an_absent_task_is_found():
    class Moving(balancing.Balancer):
        def initial_state(self, num_tasks):
            return {"count": np.zeros(num_tasks)}

        def compute(self, ops, losses, gramian, present, state):
            return ops.ones_like(losses), {"count": state["count"] + 1.0}

        def store(self, ops, old, new, present, usable):
            super().store(ops, old, new, ops.ones_like(present), usable)

    class MovingContract(BalancerContract):
        def make(self):
            return Moving()

    with pytest.raises(AssertionError):
        MovingContract().test_the_state_of_an_absent_task_stays()
