"""Gramian methods against SciPy, cvxpy and dense linear algebra in float64."""

import itertools

import keras
import numpy as np
import pytest

from tests.helpers.graded_matrices import fresh, gramian_of, weights_of

scipy_optimize = pytest.importorskip("scipy.optimize")

KINDS = (
    "full rank",
    "norms to 1e4",
    "rank deficient",
    "rank deficient, norms to 1e4",
    "duplicate",
    "opposite",
    "zero row",
    "nearly parallel",
)
SIZES = (5, 40)
#: Solved among 40 tasks of which the others are absent: any size, compiled once.
OTHER_SIZES = (2, 3, 7, 13, 21, 33)


def random_gradients(kind, tasks, seed):
    """Return a (T, p) Jacobian of a kind, at a random scale from 1e-6 to 1e6."""
    rng = np.random.default_rng(1000 * tasks + seed)
    columns = max(1, tasks // 2) if kind.startswith("rank") else 2 * tasks
    jacobian = rng.standard_normal((tasks, columns))
    if "norms" in kind:
        jacobian *= 10.0 ** rng.uniform(-2, 2, (tasks, 1))
    if kind == "duplicate":
        jacobian[-1] = 3.0 * jacobian[0]
    if kind == "opposite":
        jacobian[-1] = -3.0 * jacobian[0]
    if kind == "zero row":
        jacobian[-1] = 0.0
    if kind == "nearly parallel":
        jacobian = jacobian[:1] + 1e-3 * jacobian
    return jacobian * 10.0 ** rng.uniform(-6, 6)


def cases(kinds=KINDS):
    """Parametrize by kind, size and seed."""
    values = [(k, t, s) for k in kinds for t in SIZES for s in (0, 1)]
    values += [(k, t, 2) for k, t in zip(kinds, itertools.cycle(OTHER_SIZES))]
    return pytest.mark.parametrize(("kind", "tasks", "seed"), values)


def solved(name, jacobian, **options):
    """Return the balancer's weights for gradients of any number of tasks."""
    gramian, tasks = gramian_of(jacobian), len(jacobian)
    if tasks in SIZES:
        return weights_of(fresh(name, tasks, **options), gramian)
    places = np.sort(np.random.default_rng(tasks).permutation(SIZES[-1])[:tasks])
    among = np.full((SIZES[-1], SIZES[-1]), np.nan, "float32")
    among[np.ix_(places, places)] = gramian
    present = np.isin(np.arange(SIZES[-1]), places)
    balancer = fresh(name, SIZES[-1], **options)
    return weights_of(balancer, among, present=present)[places]


def unit_rows(jacobian):
    """Return normalized rows (zero rows stay) and the norms."""
    norms = np.linalg.norm(jacobian, axis=1)
    return jacobian / np.where(norms > 0, norms, 1.0)[:, None], norms


def nonnegative_least_squares(matrix, target):
    """Return min |Ax - b| over x >= 0."""
    return scipy_optimize.nnls(matrix, target, maxiter=100 * matrix.shape[1])[0]


def dual_cone_projection(units, vector):
    """Return the nearest vector with no negative product with any row."""
    return vector + units.T @ nonnegative_least_squares(units.T, -vector)


@cases()
def test_mgda_has_the_least_norm(kind, tasks, seed):
    jacobian = random_gradients(kind, tasks, seed)
    weights = solved("mgda", jacobian) / tasks
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(), 1.0, rtol=1e-5)
    found = np.sum((weights @ jacobian) ** 2)
    norms = np.linalg.norm(jacobian, axis=1)
    if norms.min() == 0:
        assert found == 0
        return
    units, norms = unit_rows(jacobian / norms.min())
    v = nonnegative_least_squares(
        np.vstack([units.T, 1 / norms]), np.eye(units.shape[1] + 1)[-1]
    )
    best = (v / norms) / (v / norms).sum()
    least = np.sum((best @ jacobian) ** 2)
    # The Gramian is known to a rounding; 3e-7 of the shortest gradient is left of it.
    shortest = np.min(np.linalg.norm(jacobian, axis=1)) ** 2
    assert found <= least * (1 + 1e-5) + 3e-7 * shortest


@cases()
def test_upgrad_sums_the_projections(kind, tasks, seed):
    jacobian = random_gradients(kind, tasks, seed)
    units, norms = unit_rows(jacobian)
    found = solved("upgrad", jacobian) @ jacobian
    parts = [dual_cone_projection(units, u) for u in units]
    expected = sum(n * part for n, part in zip(norms, parts, strict=True))
    # In directions lost to rounding, only the square of the distance is small.
    exact = kind in ("full rank", "norms to 1e4", "nearly parallel")
    slack = 1e-5 if exact else 1e-3
    assert np.linalg.norm(found - expected) <= slack * norms.sum()


@cases()
def test_dualproj_projects_the_sum(kind, tasks, seed):
    jacobian = random_gradients(kind, tasks, seed)
    units, norms = unit_rows(jacobian)
    found = solved("dualproj", jacobian) @ jacobian
    scale = norms.max()
    expected = scale * dual_cone_projection(units, jacobian.sum(axis=0) / scale)
    exact = kind in ("full rank", "norms to 1e4", "nearly parallel")
    slack = 1e-5 if exact else 1e-3
    assert np.linalg.norm(found - expected) <= slack * norms.sum()


@cases(("full rank", "norms to 1e4", "duplicate", "zero row", "nearly parallel"))
@pytest.mark.parametrize(("name", "alpha"), [("nash_mtl", 1.0), ("fairgrad", 2.0)])
def test_bargaining_solves_its_equation(name, alpha, kind, tasks, seed):
    jacobian = random_gradients(kind, tasks, seed)
    gramian, weights = gramian_of(jacobian), solved(name, jacobian)
    alive = np.diag(gramian) > 0
    assert (weights[alive] > 0).all()
    assert (weights[~alive] == 0).all()
    exact = gramian.astype("float64")[np.ix_(alive, alive)]
    gains = exact @ weights[alive]
    # What one rounding of each entry of the Gramian changes in the gains.
    rounding = 2.0**-23 * np.sqrt(tasks) * np.diag(exact) * weights[alive]
    error = np.abs(gains - weights[alive] ** (-1 / alpha))
    assert (error <= 1e-5 * gains + 10 * rounding).all()


@pytest.mark.parametrize("tasks", SIZES)
def test_nash_mtl_without_a_solution_stays_bounded(tasks):
    jacobian = random_gradients("opposite", tasks, 0)
    gramian = gramian_of(jacobian).astype("float64")
    weights = weights_of("nash_mtl", gramian)
    assert (weights > 0).all()
    assert (weights * np.sqrt(np.diag(gramian))).max() < 1e4
    assert np.sum((weights @ jacobian) ** 2) <= 1.01 * tasks


@cases()
@pytest.mark.parametrize("c", [0.4, 0.9])
def test_cagrad_improves_the_worst_task_most(c, kind, tasks, seed):
    cvxpy = pytest.importorskip("cvxpy")
    if tasks == 40 and (c == 0.4 or "1e4" in kind):
        pytest.skip("slow to compile, or beyond the accuracy of the oracle")
    jacobian = random_gradients(kind, tasks, seed)
    found = solved("cagrad", jacobian, c=c) * (1 + c) / tasks @ jacobian
    units, norms = unit_rows(jacobian)
    mean = jacobian.mean(axis=0)
    length = np.linalg.norm(mean)
    assert np.linalg.norm(found - mean) <= c * length * (1 + 1e-4)
    alive = norms > 0
    base = np.linalg.qr(units.T)[0]
    offset, rows = units @ mean / (c * length), units @ base
    ratio = norms[alive].min() / norms[alive]
    x, worst = cvxpy.Variable(rows.shape[1]), cvxpy.Variable()
    gains = offset[alive] + rows[alive] @ x
    problem = cvxpy.Problem(
        cvxpy.Maximize(worst),
        [gains >= cvxpy.multiply(ratio, worst), cvxpy.norm(x) <= 1],
    )
    problem.solve(solver="CLARABEL")
    # The improvement of a zero gradient is zero.
    best = worst.value if alive.all() else min(worst.value, 0.0)
    reached = units[alive] @ found / (c * length) - ratio * best
    # Exactly opposed gradients leave many best directions, found to 1e-4.
    slack = 3e-4 if kind in ("opposite", "zero row") or "deficient" in kind else 1e-5
    assert reached.min() >= -slack


@cases(("full rank", "norms to 1e4", "nearly parallel"))
def test_imtl_g_projects_equally(kind, tasks, seed):
    jacobian = random_gradients(kind, tasks, seed)
    weights = solved("imtl_g", jacobian)
    np.testing.assert_allclose(weights.sum(), tasks, rtol=1e-4)
    units, norms = unit_rows(jacobian)
    solution = np.linalg.solve(units @ units.T, np.ones(tasks)) / norms
    expected = tasks * solution / solution.sum()
    # Rounding of the Gramian, times its condition.
    slack = 1e-6 * np.linalg.cond(units) ** 2
    scale = np.abs(norms * expected).max() * np.abs(solution).sum() / solution.sum()
    assert (np.abs(norms * (weights - expected)) <= slack * np.abs(scale)).all()


@cases(("full rank", "norms to 1e4", "rank deficient", "duplicate", "zero row"))
def test_config_is_its_pseudo_inverse(kind, tasks, seed):
    jacobian = random_gradients(kind, tasks, seed)
    units, norms = unit_rows(jacobian)
    alive = (norms > 0).astype("float64")
    direction = np.linalg.pinv(units, rcond=1e-5) @ alive
    length = np.linalg.norm(direction)
    # For opposed gradients no direction is better than none.
    direction *= 1.0 / length if length > 1e-8 else 0.0
    expected = (jacobian @ direction).sum() * direction
    found = solved("config", jacobian) @ jacobian
    condition = np.linalg.svd(units, compute_uv=False)
    condition = condition[0] / condition[condition > 1e-5].min()
    slack = 1e-6 * condition**2 + 1e-5
    assert np.linalg.norm(found - expected) <= slack * norms.sum()


@cases(("full rank", "norms to 1e4", "rank deficient", "duplicate", "zero row"))
@pytest.mark.parametrize("scale", ["min", "median", "rmse"])
def test_aligned_mtl_equals_all_singular_values(scale, kind, tasks, seed):
    if scale != "min" and (seed or tasks == 40):
        pytest.skip("one of each is enough")
    jacobian = random_gradients(kind, tasks, seed)
    left, singular, right = np.linalg.svd(jacobian, full_matrices=False)
    units, norms = unit_rows(jacobian)
    rounding = 2.0**-23 * tasks * (norms**2 @ left**2)
    floor = (2.0**-23 * tasks * singular.max()) ** 2
    kept = singular**2 > np.maximum(rounding, floor)
    common = {
        "min": singular[kept].min(),
        "median": np.sort(singular[kept])[::-1][(kept.sum() - 1) // 2],
        "rmse": np.sqrt(np.mean(singular[kept] ** 2)),
    }[scale]
    expected = common * np.ones(tasks) @ left[:, kept] @ right[kept]
    found = solved("aligned_mtl", jacobian, scale=scale) @ jacobian
    values = np.linalg.svd(units, compute_uv=False)
    condition = (values[0] / values[values > 1e-5].min()) ** 2
    if keras.backend.backend() == "jax":
        condition *= singular[0] / singular[kept].min()
    assert np.linalg.norm(found - expected) <= (
        1e-6 * condition * np.linalg.norm(expected)
    )
