"""Properties that every regularizer has; the table is regularizer_cases.py."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from regularizer_cases import (
    ALL,
    ITERATED,
    NON_CONVEX,
    PROJECTIONS,
    weights,
    with_prox,
)

from polytask import regularizers
from polytask.errors import UserError

SMOOTH_OR_GENERIC = sorted(set(ALL) - set(PROJECTIONS) - {"l0"})


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def objective(penalty, v, w, step, metric):
    return 0.5 * np.sum(metric * (v - w) ** 2) + step * float(penalty(v))


def value_gradient(penalty, w):
    """The gradient that the backend's automatic differentiation gives."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(lambda x: penalty(x))(w))
    if backend == "torch":
        x = ops.convert_to_tensor(w).detach().requires_grad_(True)
        penalty(x).backward()
        return x.grad.cpu().numpy()
    import tensorflow as tf

    x = tf.Variable(w)
    with tf.GradientTape() as tape:
        value = penalty(x)
    return tape.gradient(value, x).numpy()


def test_the_table_holds_every_name():
    assert sorted(ALL) == regularizers.names()


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_name_gives_the_class_of_the_table(name):
    penalty = ALL[name]
    assert type(regularizers.get(name, **penalty.get_config())) is type(penalty)


@pytest.mark.parametrize("name", sorted(ALL))
def test_configuration_round_trips_through_json(name):
    penalty = ALL[name]
    config = json.loads(json.dumps(regularizers.serialize(penalty)))
    copy = regularizers.deserialize(config)
    assert type(copy) is type(penalty)
    assert copy.get_config() == penalty.get_config()
    assert repr(copy) == repr(penalty)


@pytest.mark.parametrize("name", sorted(ALL))
def test_value_is_a_scalar_of_the_dtype_of_the_weights(name):
    value = ALL[name](weights())
    assert tuple(value.shape) == ()
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert float(value) >= 0


# Zero is not in the set of two projections, and L2SP pulls elsewhere.
@pytest.mark.parametrize(
    "name", with_prox(set(ALL) - {"simplex", "orthonormal", "l2_sp"})
)
def test_prox_of_zero_is_zero(name):
    found = as_numpy(ALL[name].prox(np.zeros((5, 4), "float32"), 0.3))
    np.testing.assert_array_equal(found, 0.0)


@pytest.mark.parametrize("name", with_prox(set(ALL) - set(PROJECTIONS) - ITERATED))
def test_prox_with_step_zero_is_the_identity(name):
    w = weights()
    np.testing.assert_allclose(as_numpy(ALL[name].prox(w, 0.0)), w, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "metric_kind"),
    [
        (name, kind)
        for name in with_prox(set(ALL) - set(PROJECTIONS) - ITERATED)
        for kind in ("none", "scalar", "diagonal")
        if kind != "diagonal" or ALL[name].metric == "diagonal"
    ],
)
def test_prox_is_not_beaten_by_any_nearby_or_random_point(name, metric_kind):
    penalty = ALL[name]
    w, step = weights(3), 0.7
    generator = np.random.default_rng(5)
    metric = {
        "none": None,
        "scalar": np.float32(1.8),
        "diagonal": generator.uniform(0.4, 3.0, w.shape).astype("float32"),
    }[metric_kind]
    best = as_numpy(penalty.prox(w, step, metric)).astype("float32")
    weight = 1.0 if metric is None else metric
    reached = objective(penalty, best, w, step, weight)
    tolerance = 1e-5 * (1 + abs(reached))
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(2):
            other = best + generator.normal(size=w.shape).astype("float32") * size
            assert reached <= objective(penalty, other, w, step, weight) + tolerance
    for other in (w, np.zeros_like(w)):
        assert reached <= objective(penalty, other, w, step, weight) + tolerance


@pytest.mark.parametrize("name", with_prox(set(ALL) - NON_CONVEX))
def test_prox_of_a_convex_penalty_is_non_expansive(name):
    first, second = weights(1), weights(2)
    moved = as_numpy(ALL[name].prox(first, 0.5)) - as_numpy(ALL[name].prox(second, 0.5))
    assert np.linalg.norm(moved) <= np.linalg.norm(first - second) * (1 + 1e-5)


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


@pytest.mark.parametrize("name", SMOOTH_OR_GENERIC)
def test_gradient_of_the_value_matches_finite_differences(name):
    penalty, w = ALL[name], weights(7)
    # No difference quotient may straddle a kink: entries far from zero and each other.
    order = np.random.default_rng(7).permutation(w.size).reshape(w.shape)
    w = (np.sign(w) * (0.4 + 0.1 * order)).astype("float32")
    gradient = value_gradient(penalty, w)
    direction = weights(8)
    size = 1e-2
    slope = (
        float(penalty(w + size * direction)) - float(penalty(w - size * direction))
    ) / (2 * size)
    assert abs(np.sum(gradient * direction) - slope) <= 5e-3 * (1 + abs(slope))


@pytest.mark.parametrize("name", SMOOTH_OR_GENERIC)
def test_gradient_of_the_value_at_zero_is_finite(name):
    assert np.all(np.isfinite(value_gradient(ALL[name], np.zeros((5, 4), "float32"))))


@pytest.mark.parametrize("name", with_prox(set(ALL) - ITERATED - {"orthonormal"}))
def test_a_minimizer_has_no_distance_to_optimality(name):
    # The prox minimizes ½‖v - w‖² + Ω(v), whose smooth part has the gradient v - w.
    penalty = ALL[name]
    w = weights(9, scale=1.5)
    best = as_numpy(penalty.prox(w, 1.0)).astype("float32")
    if name in ("l0", "top_k", "unit_norm", "mcp", "scad"):
        assert float(penalty.distance_to_optimality(best, best - w)) < 3.0
        return
    assert float(penalty.distance_to_optimality(best, best - w)) < 1e-4
    tilt = np.where(np.arange(w.size).reshape(w.shape) % 3, 0.5, -0.5)
    assert float(penalty.distance_to_optimality(best, best - w + tilt)) > 1e-2


@pytest.mark.parametrize("name", ["clustered", "orthogonality"])
def test_distance_of_a_smooth_penalty_without_prox_is_its_gradient(name):
    w = weights(9)
    distance = ALL[name].distance_to_optimality(w, np.zeros_like(w))
    expected = np.max(np.abs(value_gradient(ALL[name], w)))
    np.testing.assert_allclose(float(distance), expected, rtol=1e-4)


@pytest.mark.parametrize("name", with_prox(set(ALL) - set(PROJECTIONS)))
def test_lambda_max_is_where_all_weights_become_zero(name):
    penalty = ALL[name]
    gradient = weights(11)
    try:
        critical = float(penalty.lambda_max(gradient))
    except UserError:
        assert name in {
            "exclusive_lasso",
            "factor_trace_norm",
            "graph_laplacian",
            "l0",
            "l2",
            "l2_sp",
            "mean_regularized",
            "network_lasso",
            "soft_sharing",
            "task_relationship",
        }
        return
    first = penalty.get_config()[penalty.strengths[0]]
    above = penalty.rescaled(1.001 * critical / first)
    below = penalty.rescaled(0.98 * critical / first)
    # A step that small keeps the non-convex penalties convex.
    for step in (0.1, 1.0):
        largest = np.max(np.abs(as_numpy(above.prox(-step * gradient, step))))
        assert largest < (1e-3 if name in ITERATED else 1e-30)
        assert np.max(np.abs(as_numpy(below.prox(-step * gradient, step)))) > 0


@pytest.mark.parametrize("name", sorted(set(ALL) - set(PROJECTIONS)))
def test_a_regularizer_of_a_plain_keras_layer_trains_without_nan(name):
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(4, kernel_regularizer=ALL[name])]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x, y = weights(1, rows=8, tasks=5), weights(2, rows=8, tasks=4)
    model.fit(x, y, epochs=1, batch_size=8, verbose=0)
    assert np.all(np.isfinite(model.get_weights()[0]))


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch runs eagerly")
@pytest.mark.parametrize("name", with_prox(ALL))
def test_prox_runs_compiled_and_gives_the_same(name):
    penalty = ALL[name]
    w, step = weights(13), np.float32(0.4)
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        compiled = jax.jit(lambda x, s: penalty.prox(x, s, s + 1.0))
    else:
        import tensorflow as tf

        compiled = tf.function(lambda x, s: penalty.prox(x, s, s + 1.0))
    np.testing.assert_allclose(
        as_numpy(compiled(ops.convert_to_tensor(w), ops.convert_to_tensor(step))),
        as_numpy(penalty.prox(w, step, step + 1.0)),
        atol=1e-5,
    )


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
