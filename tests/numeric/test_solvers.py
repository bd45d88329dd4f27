"""The small convex problems, against optimality conditions and SciPy."""

import keras
import numpy as np
import pytest

from polytask.numeric.bargaining import fair_bargaining
from polytask.numeric.cone import project_each_on_dual_cone, project_on_dual_cone
from polytask.numeric.equilibrate import equilibrate, least_squares
from polytask.numeric.namespace import concrete, enter, namespace_of
from polytask.numeric.nonnegative import nonnegative_qp
from polytask.numeric.simplex import min_norm_on_simplex, project_on_simplex

OPS = namespace_of()
RNG = np.random.default_rng(0)


def tensor(x):
    """Return an array of the solvers' namespace."""
    return enter(OPS, np.asarray(x, "float32"))


def mask(*present):
    """Return a mask in the solvers' namespace."""
    return enter(OPS, np.array(present))


def numbers(x):
    """Return float64 values."""
    return np.asarray(keras.ops.convert_to_numpy(x), "float64")


def random_gramian(tasks, columns):
    """Return J J' of a random J, in float32."""
    jacobian = RNG.standard_normal((tasks, columns))
    return (jacobian @ jacobian.T).astype("float32")


def test_equilibration_leaves_cosines_and_relative_norms():
    jacobian = np.array([[3.0, 0.0], [0.0, 1e-3], [1.0, 1.0]])
    cosines, norms, present = equilibrate(OPS, tensor(jacobian @ jacobian.T))
    np.testing.assert_allclose(numbers(norms), np.array([3, 1e-3, 2**0.5]) / 3, 1e-6)
    half = 0.5**0.5
    expected = [[1, 0, half], [0, 1, half], [half, half, 1]]
    np.testing.assert_allclose(numbers(cosines), expected, atol=1e-6)
    assert numbers(present).all()


def test_equilibration_takes_out_absent_and_zero_rows():
    gramian = tensor([[4.0, 9.0, 0.0], [9.0, 100.0, 0.0], [0.0, 0.0, 0.0]])
    cosines, norms, _ = equilibrate(OPS, gramian, mask(True, False, True))
    np.testing.assert_array_equal(numbers(cosines), np.eye(3))
    np.testing.assert_array_equal(numbers(norms), [1.0, 1.0, 0.0])


@pytest.mark.parametrize("tasks", [3, 64])
def test_nonnegative_qp_meets_its_optimality_conditions(tasks):
    gramian = random_gramian(tasks, 2 * tasks) / (2 * tasks)
    linear = RNG.standard_normal((4, tasks))
    found = numbers(nonnegative_qp(OPS, tensor(gramian), tensor(linear)))
    gradient = found @ gramian.astype("float64") + linear
    assert found.min() >= 0
    assert gradient.min() > -2e-5
    assert np.abs(found * gradient).max() < 1e-4
    scipy_optimize = pytest.importorskip("scipy.optimize")
    root = np.linalg.cholesky(gramian.astype("float64"))
    for b, x in zip(linear, found, strict=True):
        exact = scipy_optimize.nnls(root.T, -np.linalg.solve(root, b))[0]
        np.testing.assert_allclose(x, exact, atol=1e-5 * max(1.0, exact.max()) * 5)


def test_nonnegative_qp_gives_exact_zeros_at_the_bound():
    found = numbers(nonnegative_qp(OPS, tensor(np.eye(3)), tensor([[1.0, 0.0, -2.0]])))
    assert found[0, 0] == 0
    assert found[0, 1] == 0
    np.testing.assert_allclose(found[0, 2], 2.0, rtol=1e-6)


@pytest.mark.slow
def test_sixty_four_tasks_are_solved():
    gramian = random_gramian(64, 96)
    exact = gramian.astype("float64")
    weights = numbers(min_norm_on_simplex(OPS, tensor(gramian)))
    value = weights @ exact @ weights
    assert value - (exact @ weights).min() < 5e-5 * value
    shares = numbers(fair_bargaining(OPS, tensor(gramian)))
    np.testing.assert_allclose(exact @ shares * shares, 1.0, rtol=1e-5)
    rows = numbers(project_each_on_dual_cone(OPS, tensor(gramian)))
    products = rows @ exact
    assert products.min() > -2e-5 * np.diag(exact).max()


def test_zero_gradients_take_all_the_weight_of_the_least_norm():
    weights = min_norm_on_simplex(OPS, tensor(np.diag([1.0, 0.0, 2.0, 0.0])))
    np.testing.assert_allclose(numbers(weights), [0, 0.5, 0, 0.5], atol=1e-7)


def test_all_zero_gradients_have_finite_solutions():
    zero = tensor(np.zeros((3, 3)))
    third = numbers(min_norm_on_simplex(OPS, zero))
    np.testing.assert_allclose(third, 1 / 3, rtol=1e-6)
    assert (numbers(fair_bargaining(OPS, zero)) == 0).all()
    np.testing.assert_array_equal(
        numbers(project_each_on_dual_cone(OPS, zero)), np.eye(3)
    )


def test_cone_projection_keeps_what_does_not_conflict():
    gramian = tensor([[1.0, 0.5], [0.5, 1.0]])
    rows = project_each_on_dual_cone(OPS, gramian)
    np.testing.assert_allclose(numbers(rows), np.eye(2), atol=1e-6)
    found = project_on_dual_cone(OPS, gramian, tensor([0.25, 1.0]))
    np.testing.assert_allclose(numbers(found), [0.25, 1.0], atol=1e-6)


def projected_sum(jacobian, preference):
    """Return the exact projection of p'J on the dual cone of the rows of J."""
    nnls = pytest.importorskip("scipy.optimize").nnls
    norms = np.linalg.norm(jacobian, axis=1)
    unit = jacobian / np.where(norms > 0, norms, 1.0)[:, None]
    given = preference @ jacobian
    return given + nnls(unit.T, -given)[0] @ unit


def semidefinite_root(gramian):
    """Return rows whose products are those of the Gramian, but for its rounding."""
    norms = np.sqrt(np.diag(gramian))
    values, vectors = np.linalg.eigh(gramian / np.outer(norms, norms))
    return norms[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))


@pytest.mark.parametrize(("tasks", "rank"), [(3, 2), (8, 3)])
def test_cone_projections_of_dependent_gradients_are_those_of_float64(tasks, rank):
    rng = np.random.default_rng(tasks)
    jacobian = rng.standard_normal((tasks, rank)) @ rng.standard_normal((rank, 30))
    jacobian *= np.geomspace(0.1, 10.0, tasks)[:, None]
    gramian = (jacobian @ jacobian.T).astype("float32")
    # What the rounding of the Gramian alone does to these directions.
    root = semidefinite_root(gramian.astype("float64"))
    back = np.linalg.lstsq(root, jacobian, rcond=1e-5)[0]
    longest = np.linalg.norm(jacobian, axis=1).max()

    def assert_as_exact(weights, preference):
        exact = projected_sum(jacobian, preference)
        allowed = np.linalg.norm(projected_sum(root, preference) @ back - exact)
        error = np.linalg.norm(weights @ jacobian - exact)
        # And the weights are rounded, in float32 as well.
        assert error <= 3.0 * allowed + 5e-7 * longest

    rows = numbers(project_each_on_dual_cone(OPS, tensor(gramian)))
    for row, one in zip(rows, np.eye(tasks), strict=True):
        assert_as_exact(row, one)
    preference = rng.uniform(0.2, 2.0, tasks)
    found = project_on_dual_cone(OPS, tensor(gramian), tensor(preference))
    assert_as_exact(numbers(found), preference)


def test_least_squares_is_the_shortest_solution_of_a_singular_system():
    matrix = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = least_squares(OPS, tensor(matrix), tensor([1.0, 3.0, 5.0]))
    np.testing.assert_allclose(numbers(found), [1.0, 1.0, 5.0], rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_simplex_projection_meets_its_optimality_conditions(scale):
    point = scale * RNG.standard_normal(7)
    present = np.array([True, True, False, True, True, False, True])
    found = numbers(project_on_simplex(OPS, tensor(point), mask(*present)))
    assert (found[~present] == 0).all()
    np.testing.assert_allclose(found.sum(), 1.0, rtol=1e-5)
    distance = (point - found)[present]
    inside = found[present] > 0
    shift = distance[inside]
    np.testing.assert_allclose(shift, shift[0], atol=1e-6 * max(scale, 1.0))
    assert (distance[~inside] <= shift[0] + 1e-6 * max(scale, 1.0)).all()


def test_values_are_known_outside_of_a_compiled_function_only():
    seen = []

    def look(x):
        seen.append(concrete(x))
        return x * 2.0

    point = keras.ops.ones(2)
    np.testing.assert_array_equal(concrete(point), [1.0, 1.0])
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        jax.jit(look)(point)
        assert seen == [None]
    elif backend == "tensorflow":
        import tensorflow as tf

        tf.function(look)(point)
        assert seen == [None]


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="vmap is of JAX")
def test_solvers_in_double_precision_stay_so_where_training_runs_in_lanes():
    import jax

    jacobians = np.random.default_rng(0).normal(size=(4, 3, 5)).astype("float32")
    gramians = jacobians @ jacobians.transpose(0, 2, 1)
    for solve in (project_each_on_dual_cone, min_norm_on_simplex):

        def steps(gramian, solve=solve):
            def step(carry, _):
                return carry, solve(OPS, gramian)

            return jax.lax.scan(step, 0.0, np.arange(2))[1][0]

        together = jax.vmap(steps)(gramians)
        alone = [solve(OPS, jax.numpy.asarray(gramian)) for gramian in gramians]
        np.testing.assert_allclose(together, np.stack(alone), rtol=1e-6, atol=1e-6)
