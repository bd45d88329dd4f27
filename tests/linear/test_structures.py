"""Properties of the solutions, for every structure."""

import numpy as np
import pytest
from keras import ops

from polytask import regularizers
from polytask.linear import MultiTaskRegressor, supported
from polytask.linear.penalties import Whole
from tests.helpers.linear_cases import SPLIT, as_lists, data, structure, with_missing

TOLERANCE = 1e-8


def fitted(regularizer, x, y, ratio=0.1, **options):
    return MultiTaskRegressor(regularizer, ratio=ratio, tol=TOLERANCE, **options).fit(
        x, y
    )


def gradient_size(x, y):
    return np.abs((x - x.mean(axis=0)).T @ (y - y.mean(axis=0)) / len(x)).max()


@pytest.mark.parametrize("name", supported())
def test_the_optimality_residual_is_small(name):
    x, y = data()
    model = fitted(structure(name), x, y)
    assert model.kkt_residual_ <= 1e-4 * gradient_size(x, y)
    if model.dual_gap_ is not None:
        assert abs(model.dual_gap_) <= TOLERANCE * 0.5 * np.sum(y.var(axis=0))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(supported()) - set(SPLIT)))
def test_the_regularizer_itself_sees_an_optimum(name):
    x, y = data()
    model = fitted(structure(name), x, y)
    own = getattr(structure(name), structure(name).strengths[0])
    chosen = structure(name).rescaled(model.strength_ / own)
    residual = model.predict(x) - y
    gradient = (x - x.mean(axis=0)).T @ residual / len(x)
    distance = float(
        chosen.distance_to_optimality(
            ops.convert_to_tensor(model.coef_.T.astype("float32")),
            ops.convert_to_tensor(gradient.astype("float32")),
        )
    )
    assert distance <= 2e-3 * gradient_size(x, y)


@pytest.mark.parametrize("name", supported())
def test_missing_labels_equal_dropped_rows(name):
    x, y = data()
    y = with_missing(y)
    holes = fitted(structure(name), x, y)
    lists = fitted(structure(name), *as_lists(x, y))
    np.testing.assert_allclose(holes.coef_, lists.coef_, atol=1e-9)
    np.testing.assert_allclose(holes.intercept_, lists.intercept_, atol=1e-9)


@pytest.mark.parametrize("name", ["l21", "l1", "trace_norm", "l2", "dirty"])
def test_missing_labels_equal_dropped_rows_with_more_features_than_examples(name):
    x, y = data(examples=20, features=80)
    y = with_missing(y)
    holes = fitted(structure(name), x, y, ratio=0.3)
    lists = fitted(structure(name), *as_lists(x, y), ratio=0.3)
    np.testing.assert_allclose(holes.coef_, lists.coef_, atol=1e-6)


@pytest.mark.parametrize("name", supported())
def test_lists_with_the_same_examples_equal_one_table(name):
    x, y = data()
    table = fitted(structure(name), x, y)
    lists = fitted(structure(name), [x] * 4, list(y.T))
    np.testing.assert_allclose(table.coef_, lists.coef_, atol=2e-5)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in supported()
        if Whole(structure(name)).lambda_max(np.ones((12, 4)))
    ],
)
def test_all_weights_are_zero_from_lambda_max_on_and_not_below(name):
    x, y = data()
    above = fitted(structure(name), x, y, ratio=1.0001)
    below = fitted(structure(name), x, y, ratio=0.98)
    assert not above.coef_.any()
    np.testing.assert_allclose(above.intercept_, y.mean(axis=0))
    assert below.coef_.any()


def test_mean_regularized_without_strength_is_independent_least_squares():
    x, y = data()
    together = MultiTaskRegressor("mean_regularized", strength=1e-9, tol=1e-13).fit(
        *as_lists(x, with_missing(y))
    )
    for t, (own_x, own_y) in enumerate(zip(*as_lists(x, with_missing(y)), strict=True)):
        alone, *_ = np.linalg.lstsq(
            own_x - own_x.mean(axis=0), own_y - own_y.mean(), rcond=None
        )
        np.testing.assert_allclose(together.coef_[t], alone, atol=1e-6)


def test_mean_regularized_with_great_strength_is_one_pooled_model():
    x, y = data()
    xs, ys = as_lists(x, with_missing(y))
    model = MultiTaskRegressor(
        "mean_regularized",
        strength=1e7,
        tol=1e-7,
        fit_intercept=False,
        task_weights="rows",
    ).fit(xs, ys)
    pooled, *_ = np.linalg.lstsq(np.vstack(xs), np.concatenate(ys), rcond=None)
    np.testing.assert_allclose(model.coef_, np.tile(pooled, (4, 1)), atol=1e-4)


def test_graph_laplacian_merges_the_connected_components():
    x, y = data()
    graph = regularizers.GraphLaplacian(1e6, edges=[(0, 1), (2, 3)])
    w = MultiTaskRegressor(graph, tol=1e-10).fit(*as_lists(x, with_missing(y))).coef_
    np.testing.assert_allclose(w[0], w[1], atol=1e-4)
    np.testing.assert_allclose(w[2], w[3], atol=1e-4)
    assert np.abs(w[0] - w[2]).max() > 0.1


def test_a_graph_finds_the_tasks_by_the_names_of_the_columns():
    pandas = pytest.importorskip("pandas")
    x, y = data()
    frame = pandas.DataFrame(y, columns=["a", "b", "c", "d"])
    named = regularizers.GraphLaplacian(0.5, edges=[("a", "d")])
    placed = regularizers.GraphLaplacian(0.5, edges=[(0, 3)])
    np.testing.assert_allclose(
        MultiTaskRegressor(named).fit(x, frame).coef_,
        MultiTaskRegressor(placed).fit(x, y).coef_,
    )
    assert named.graph.tasks is None


@pytest.mark.parametrize("name", SPLIT)
def test_the_parts_add_up_to_the_weights(name):
    x, y = data()
    model = fitted(structure(name), x, y)
    np.testing.assert_allclose(sum(model.parts_), model.coef_, atol=1e-12)


def test_a_dirty_model_with_cheap_shared_part_has_no_private_part():
    x, y = data()
    shared_only = fitted(regularizers.Dirty(1.0, private=1.1), x, y)
    np.testing.assert_allclose(shared_only.parts_[1], 0.0, atol=1e-4)
    private_only = fitted(regularizers.Dirty(4.4, private=1.0), x, y)
    np.testing.assert_allclose(private_only.parts_[0], 0.0, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "low_rank_from"),
    [
        # With T = 3 tasks, ‖W‖_* is at most √T times the norm of the columns, and at
        # least the largest of them.
        (regularizers.RobustTraceNorm, 3**0.5),
        # Σ|w| is at least ‖W‖_*, and at most √(d T) times as much.
        (regularizers.SparseLowRank, None),
    ],
)
def test_a_part_that_is_dearer_everywhere_is_zero(make, low_rank_from):
    x, y = data()
    low_rank_only = fitted(make(1.0, outlier=1.01), x, y)
    np.testing.assert_allclose(low_rank_only.parts_[1], 0.0, atol=1e-4)
    if low_rank_from is not None:
        outliers_only = fitted(make(1.01 * low_rank_from, outlier=1.0), x, y)
        np.testing.assert_allclose(outliers_only.parts_[0], 0.0, atol=1e-4)


def test_robust_trace_norm_finds_the_planted_outlier():
    random = np.random.default_rng(0)
    x = random.standard_normal((60, 10))
    w = np.outer(random.standard_normal(10), np.ones(5))
    w[:, 3] = 5 * random.standard_normal(10)
    model = fitted(regularizers.RobustTraceNorm(1.0, outlier=0.6), x, x @ w, ratio=0.3)
    sizes = np.linalg.norm(model.parts_[1], axis=1)
    assert sizes[3] > 10 * np.delete(sizes, 3).max()


def test_trace_norm_equals_cvxpy():
    cvxpy = pytest.importorskip("cvxpy")
    x, y = data(examples=20, features=6, tasks=3)
    model = MultiTaskRegressor("trace_norm", strength=0.8, tol=1e-11).fit(x, y)
    w, b = cvxpy.Variable((6, 3)), cvxpy.Variable((1, 3))
    loss = cvxpy.sum_squares(x @ w + np.ones((20, 1)) @ b - y) / 40
    cvxpy.Problem(cvxpy.Minimize(loss + 0.8 * cvxpy.normNuc(w))).solve(
        solver="SCS", eps=1e-9, max_iters=100_000
    )
    np.testing.assert_allclose(model.coef_, w.value.T, atol=1e-4)


def test_task_weights_rows_counts_every_label_alike():
    x, y = data()
    xs, ys = as_lists(x, with_missing(y))
    xs[0], ys[0] = xs[0][:8], ys[0][:8]
    own = fitted("l21", xs, ys, ratio=None, strength=0.3, task_weights="rows")
    counts = np.array([len(v) for v in ys])
    gradient = np.stack(
        [
            (a - a.mean(axis=0)).T @ (own.predict(xs)[t] - ys[t]) / counts.mean()
            for t, a in enumerate(xs)
        ]
    )
    active = own.coef_.any(axis=0)
    np.testing.assert_allclose(
        np.linalg.norm(gradient[:, active], axis=0), 0.3, atol=1e-4
    )
