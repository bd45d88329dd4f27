"""Methods of recent years on the Gramian, against their definitions."""

import numpy as np
import pytest

from polytask import balancing
from polytask.errors import UserError
from tests.helpers.graded_matrices import MATRICES, fresh, gramian_of, weights_of

J = MATRICES["norms from 0.01 to 100"]
GRAMIAN = gramian_of(J).astype("float64")
SCORES = [30.0, 0.0, -5.0, 12.0, 4.0]


def test_pivrg_solves_its_equation_for_the_claims_of_the_scores():
    balancer = balancing.get("pivrg", bound=3.0, temperature=8.0)
    balancer.build(5)
    balancer.set_scores(SCORES)
    e = np.exp(np.array(SCORES) / (35.0 / np.log(3.0)))
    claims = 5 * e / e.sum()
    assert claims.max() / claims.min() == pytest.approx(3.0)
    weights = weights_of(balancer, GRAMIAN)
    np.testing.assert_allclose(GRAMIAN @ weights, (claims / weights) ** 0.5, rtol=2e-5)


def test_pivrg_does_not_go_below_its_least_temperature():
    balancer = balancing.get("pivrg", temperature=60.0)
    balancer.build(5)
    balancer.set_scores(SCORES)
    e = np.exp(np.array(SCORES) / 60.0)
    weights = weights_of(balancer, np.eye(5))
    np.testing.assert_allclose(weights, (5 * e / e.sum()) ** (1 / 3), rtol=1e-5)


def test_pivrg_takes_scores_by_name_and_keeps_the_others():
    balancer = balancing.get("pivrg")
    balancer.build(2, task_names=("age", "income"))
    balancer.set_scores({"income": 7.0})
    balancer.set_scores({"age": 3.0})
    found = [float(x) for x in balancer.state["scores"].numpy()]
    assert found == [3.0, 7.0]
    with pytest.raises(UserError, match="unknown task 'incme'"):
        balancer.set_scores({"incme": 1.0})
    with pytest.raises(UserError, match="2 finite numbers"):
        balancer.set_scores([1.0, 2.0, 3.0])


def test_pivrg_and_consmtl_are_fairgrad_where_all_claim_the_same():
    expected = weights_of("fairgrad", GRAMIAN)
    for name in ("pivrg", "consmtl"):
        np.testing.assert_allclose(weights_of(name, GRAMIAN), expected, rtol=1e-6)


def nearest_that_gains(jacobian, scale, primary, margin):
    """Return PCD's direction, from the dual of its problem in the space of d."""
    nnls = pytest.importorskip("scipy.optimize").nnls
    scaled = scale[:, None] * jacobian
    # Every d that meets the constraints has this among them; shift it to 0.
    bounds = margin * np.sum(scaled**2, axis=1)
    inside = np.linalg.lstsq(scaled, bounds, rcond=None)[0]
    wanted = scaled[primary] - inside
    d = wanted + nnls(scaled.T, -wanted)[0] @ scaled + inside
    return d * np.linalg.norm(jacobian[primary]) / np.linalg.norm(d)


@pytest.mark.parametrize("primary", [0, 3])
def test_pcd_is_the_nearest_direction_with_gains(primary):
    balancer = balancing.get("pcd", primary=primary, margin=0.1, decay=0.5)
    for factor in (1.0, 0.3):
        direction = weights_of(balancer, gramian_of(factor * J)) @ J * factor
        square = factor**2 * np.sum(J**2, axis=1)
        # The averages of the first and of both steps, corrected for their start.
        mean = square if factor == 1.0 else square * (0.25 / 0.09 + 0.5) / 0.75
        expected = nearest_that_gains(factor * J, mean**-0.5, primary, 0.1)
        np.testing.assert_allclose(
            direction, expected, atol=2e-5 * np.linalg.norm(expected)
        )


def test_pcd_takes_the_primary_gradient_where_no_direction_improves_all():
    opposed = np.array([[4.0, -2.0], [-2.0, 1.0]])
    np.testing.assert_allclose(weights_of("pcd", opposed), [1.0, 0.0], atol=1e-6)


def test_pcd_stands_still_without_a_primary_gradient():
    gramian = np.diag([0.0, 1.0, 4.0])
    np.testing.assert_array_equal(weights_of("pcd", gramian), 0.0)
    present = [False, True, True]
    found = weights_of("pcd", np.eye(3), present=present)
    np.testing.assert_array_equal(found, 0.0)


def test_cosine_gating_weights_auxiliary_tasks_by_their_cosine():
    weights = weights_of(fresh("cosine_gating", 5, primary=(0, 2)), GRAMIAN)
    main = J[0] + J[2]
    cosine = J @ main / np.linalg.norm(J, axis=1) / np.linalg.norm(main)
    expected = np.where([1, 0, 1, 0, 0], 1.0, np.maximum(cosine, 0.0))
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    hard = weights_of(fresh("cosine_gating", 5, primary=(0, 2), hard=True), GRAMIAN)
    np.testing.assert_array_equal(hard, expected > 0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("pivrg", {"bound": 1.0}, "bound must be a finite number, above 1"),
        ("pivrg", {"temperature": 0.0}, "temperature must be a finite number, above 0"),
        ("pcd", {"margin": 0.0}, "margin must be a finite number, above 0, below 1"),
        ("pcd", {"decay": 1.0}, "decay must be a finite number, at least 0"),
        ("cosine_gating", {"primary": "age"}, "primary must be a list"),
    ],
)
def test_options_out_of_range_are_named(name, options, message):
    with pytest.raises(UserError, match=message):
        balancing.get(name, **options)


@pytest.mark.parametrize(("name", "primary"), [("pcd", 7), ("cosine_gating", ["age"])])
def test_an_unknown_primary_task_is_named(name, primary):
    with pytest.raises(UserError, match="unknown task"):
        balancing.get(name, primary=primary).build(2)
