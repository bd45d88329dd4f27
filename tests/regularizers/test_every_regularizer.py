"""Properties that every regularizer has; the table is regularizer_cases.py."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import regularizers
from polytask.errors import UserError
from polytask.testing import RegularizerContract
from polytask.testing.regularizer_contract import value_gradient
from tests.helpers.regularizer_cases import (
    ALL,
    ITERATED,
    NON_CONVEX,
    PROJECTIONS,
    weights,
    with_prox,
)

# Zero weights are not in the set of two projections, and L2SP pulls elsewhere.
NOT_ZERO = {"simplex", "orthonormal", "l2_sp"}
# No finite strength makes all weights zero.
WITHOUT_LAMBDA_MAX = {
    "exclusive_lasso",
    "factor_trace_norm",
    "graph_laplacian",
    "l0",
    "l2",
    "l2_sp",
    "lq",
    "mean_regularized",
    "multi_level",
    "multiplicative",
    "network_lasso",
    "nonconvex_fused_sparse_group_lasso",
    "soft_sharing",
    "task_relationship",
}

# A sum of two penalties is solved by the same iteration for any two.
ITERATED_TOO = {"robust_l21", "sparse_low_rank"}
NAMES = [
    pytest.param(name, marks=[pytest.mark.two_backends] * (name in ITERATED_TOO))
    for name in sorted(ALL)
]


class TestEveryRegularizer(RegularizerContract):
    @pytest.fixture(autouse=True, params=NAMES)
    def _choose(self, request):
        name = request.param
        self.regularizer = ALL[name]
        self.convex = name not in NON_CONVEX
        self.zero_is_best = name not in NOT_ZERO
        self.tolerance = 1e-3 if name in ITERATED else 1e-5

    def make(self):
        return self.regularizer

    def weights(self, seed):
        return weights(seed)


class TestTheContractItself:
    """Each promise is broken once, and the contract must see it."""

    @pytest.mark.parametrize(
        ("broken", "test"),
        [
            ("value", "test_the_value_is_a_scalar_of_at_least_zero"),
            ("prox", "test_the_prox_is_not_beaten_by_another_point"),
            ("prox", "test_the_prox_is_optimal_by_its_own_measure"),
            ("expanding", "test_the_prox_of_a_convex_penalty_moves_points_no_further"),
            ("shifted", "test_the_prox_keeps_zero_at_zero"),
            ("lambda_max", "test_all_weights_vanish_from_lambda_max_on"),
            ("gradient", "test_the_gradient_is_that_of_the_value"),
            ("config", "test_the_configuration_survives_json"),
        ],
    )
    def test_a_broken_promise_fails(self, broken, test):
        class Broken(regularizers.L1):
            def _value(self, xp, w):
                if broken == "gradient":
                    return xp.stop_gradient(super()._value(xp, w))
                return super()._value(xp, w) - (100.0 if broken == "value" else 0.0)

            def _prox(self, xp, w, step, metric):
                if broken == "prox":
                    step = 2 * step
                if broken == "expanding":
                    return 3 * w
                return super()._prox(xp, w, step, metric) + float(broken == "shifted")

            def _lambda_max(self, xp, gradient):
                factor = 0.5 if broken == "lambda_max" else 1.0
                return factor * super()._lambda_max(xp, gradient)

            def get_config(self):
                return {"strength": 1.0 if broken == "config" else self.strength}

        class Contract(RegularizerContract):
            def make(self):
                return Broken(0.4)

        [name] = [n for n in dir(Contract) if n.startswith(test)]
        with pytest.raises((AssertionError, UserError)):
            getattr(Contract(), name)()


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def test_the_table_holds_every_name():
    assert sorted(ALL) == regularizers.names()


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_name_gives_the_class_of_the_table(name):
    penalty = ALL[name]
    assert type(regularizers.get(name, **penalty.get_config())) is type(penalty)


@pytest.mark.parametrize("name", with_prox(set(ALL) - set(PROJECTIONS) - ITERATED))
def test_prox_with_step_zero_is_the_identity(name):
    w = weights()
    np.testing.assert_allclose(as_numpy(ALL[name].prox(w, 0.0)), w, atol=2e-6)


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_serialized_regularizer_comes_back(name):
    copy = regularizers.deserialize(regularizers.serialize(ALL[name]))
    assert type(copy) is type(ALL[name])
    assert repr(copy) == repr(ALL[name])


@pytest.mark.parametrize("name", sorted(WITHOUT_LAMBDA_MAX))
def test_a_penalty_that_no_strength_makes_all_zero_says_so(name):
    with pytest.raises(UserError, match="no lambda_max"):
        ALL[name].lambda_max(weights(11))


@pytest.mark.parametrize("name", with_prox(ALL))
def test_exactly_the_proxes_that_decompose_the_weights_say_that_they_may_fail(
    name, monkeypatch
):
    used = []
    for decomposition in ("svd", "qr", "eigh", "eig", "cholesky", "inv", "solve"):
        original = getattr(ops, decomposition)

        def recorded(*args, original=original, **kwargs):
            used.append(original.__name__)
            return original(*args, **kwargs)

        monkeypatch.setattr(ops, decomposition, recorded)
    ALL[name].prox(weights(3), 0.3)
    assert ALL[name].may_fail == bool(used)


@pytest.mark.parametrize("name", with_prox(set(PROJECTIONS)))
def test_projections_are_idempotent(name):
    once = ALL[name].project(weights(4, scale=2.0))
    np.testing.assert_allclose(
        as_numpy(ALL[name].project(once)), as_numpy(once), atol=2e-6
    )


@pytest.mark.parametrize(
    "name", ["box", "l1_ball", "max_norm", "non_negative", "spectral_ball"]
)
def test_projections_leave_weights_inside_the_set_untouched(name):
    w = np.abs(weights(4)) * 0.05
    np.testing.assert_array_equal(as_numpy(ALL[name].project(w)), w)


@pytest.mark.parametrize("name", ["clustered", "orthogonality"])
def test_distance_of_a_smooth_penalty_without_prox_is_its_gradient(name):
    w = weights(9)
    distance = ALL[name].distance_to_optimality(w, np.zeros_like(w))
    expected = np.max(np.abs(value_gradient(ALL[name], w)))
    np.testing.assert_allclose(float(distance), expected, rtol=1e-4)


@pytest.mark.parametrize("name", sorted(set(ALL) - set(PROJECTIONS)))
def test_a_regularizer_of_a_plain_keras_layer_trains_without_nan(name):
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(4, kernel_regularizer=ALL[name])]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x, y = weights(1, rows=8, tasks=5), weights(2, rows=8, tasks=4)
    model.fit(x, y, epochs=1, batch_size=8, verbose=0)
    assert np.all(np.isfinite(model.get_weights()[0]))


@pytest.mark.parametrize(
    "name",
    [
        "graph_laplacian",
        "l21",
        "mean_regularized",
        "network_lasso",
        "task_relationship",
        "temporal_group_lasso",
        "trace_norm",
    ],
)
def test_structures_accept_a_stack_of_any_rank(name):
    penalty = ALL[name]
    flat = weights(15)
    stacked = flat[:, None, :]
    np.testing.assert_allclose(float(penalty(stacked)), float(penalty(flat)), rtol=1e-5)
    np.testing.assert_allclose(
        as_numpy(penalty.prox(stacked, 0.5))[:, 0, :],
        as_numpy(penalty.prox(flat, 0.5)),
        atol=1e-6,
    )


# The strength of MCP and SCAD also sets where they become flat.
@pytest.mark.parametrize("name", sorted(set(ALL) - set(PROJECTIONS) - {"mcp", "scad"}))
def test_rescaling_multiplies_the_value(name):
    w = weights(17)
    doubled = ALL[name].rescaled(2.0)
    np.testing.assert_allclose(float(doubled(w)), 2 * float(ALL[name](w)), rtol=2e-3)
