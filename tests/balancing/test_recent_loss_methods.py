"""Methods of recent years that need losses alone, against their objectives."""

import itertools

import numpy as np
import pytest

from polytask import balancing
from polytask.errors import UserError
from tests.helpers.graded_matrices import fresh, weights_of

LOSSES = np.array([0.8, 2.0, 0.5, 1.3])


def gradient_of(objective, at, size=1e-6):
    """Return a central difference quotient."""
    steps = size * np.eye(len(at))
    return np.array(
        [(objective(at + e) - objective(at - e)) / (2 * size) for e in steps]
    )


def discrepancy(pairs, penalty):
    """Return LDC-MTL's objective as a function of (constant sum, losses, logits)."""

    def objective(constant, losses, logits):
        w = 1 / (1 + np.exp(-logits))
        weighted = w * losses
        apart = [abs(weighted[i] - weighted[j]) for i, j in pairs]
        return weighted.sum() / constant + penalty * sum(apart)

    return objective


CHAIN = [(0, 1), (1, 2), (2, 3)]
ALL = list(itertools.combinations(range(4), 2))


@pytest.mark.parametrize(
    ("name", "pairs", "share"), [("chain", CHAIN, 1), ("all", ALL, 0.5)]
)
def test_ldc_mtl_descends_its_objective_by_adam(name, pairs, share):
    balancer = balancing.get("ldc_mtl", penalty=0.2, pairs=name, learning_rate=0.1)
    objective = discrepancy(pairs, 0.2 * share)

    def slopes(s, losses):
        constant = (1 / (1 + np.exp(-s))).sum()
        by_loss = gradient_of(lambda x: objective(constant, x, s), losses)
        by_logit = gradient_of(lambda x: objective(constant, losses, x), s)
        return 4 * by_loss, 4 * by_logit

    s, m, v = np.ones(4), 0.0, 0.0
    for k in range(1, 6):
        losses = LOSSES * 0.9**k
        expected, slope = slopes(s, losses)
        found = weights_of(balancer, np.eye(4), losses)
        np.testing.assert_allclose(found, expected, rtol=2e-5)
        m, v = 0.9 * m + 0.1 * slope, 0.999 * v + 0.001 * slope**2
        s = s - 0.1 * (m / (1 - 0.9**k)) / np.sqrt(v / (1 - 0.999**k))


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_ldc_mtl_does_not_feel_the_scale_of_the_losses(scale):
    plain, scaled = (balancing.get("ldc_mtl", learning_rate=0.1) for _ in "ab")
    for _ in range(5):
        expected = weights_of(plain, np.eye(4), LOSSES)
        found = weights_of(scaled, np.eye(4), LOSSES * scale)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_ldc_mtl_skips_absent_tasks_in_its_chain():
    present = [True, False, True, True]
    among = weights_of(balancing.get("ldc_mtl"), np.eye(4), LOSSES, present)
    alone = weights_of(balancing.get("ldc_mtl"), np.eye(3), LOSSES[present])
    np.testing.assert_allclose(among[present], alone, rtol=1e-6)


def clusters_by_hand(values, groups):
    """Return the means of the best of all partitions into intervals."""
    ordered = np.sort(values)
    cuts = itertools.combinations(range(1, len(values)), groups - 1)
    parts = [np.split(ordered, list(c)) for c in cuts]
    best = min(parts, key=lambda p: sum(((x - x.mean()) ** 2).sum() for x in p))
    means = np.concatenate([np.full(len(x), x.mean()) for x in best])
    return means[np.argsort(np.argsort(values))]


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_go4align_follows_the_published_update_with_exact_clusters(groups):
    balancer = balancing.get("go4align", groups=groups, learning_rate=0.1)
    rng = np.random.default_rng(3)
    q = np.full(6, 1 / 6)
    for _ in range(4):
        losses = rng.uniform(0.2, 3.0, 6)
        q = q * np.exp(-0.1 * losses)
        q = q / q.sum()
        expected = clusters_by_hand(q * losses.sum() / losses, groups)
        found = weights_of(balancer, np.eye(6), losses)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_go4align_with_a_group_for_each_task_keeps_their_numbers():
    weights = weights_of(balancing.get("go4align", groups=9), np.eye(4), LOSSES)
    np.testing.assert_allclose(weights * LOSSES, LOSSES.mean(), rtol=1e-3)


def boundary(preference, ideal, theta):
    """Return PBI's objective of the losses."""
    ray = np.array(preference) / np.linalg.norm(preference)

    def objective(losses):
        above = losses - ideal
        along = above @ ray
        return along + theta * np.linalg.norm(above - along * ray)

    return objective


def test_pbi_is_the_gradient_of_its_objective():
    preference, ideal = [1.0, 2.0, 0.5, 1.0], [0.1, 0.0, 0.2, 0.3]
    balancer = balancing.get("pbi", theta=3.0, preference=preference, ideal=ideal)
    expected = 2 * gradient_of(boundary(preference, ideal, 3.0), LOSSES)
    found = weights_of(balancer, np.eye(4), LOSSES)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["pbi", "stch"])
def test_an_ideal_point_needs_a_finite_number_for_each_task(name):
    with pytest.raises(UserError, match="ideal must be finite, one number per task"):
        balancing.get(name, ideal=[0.0, float("nan")])
    with pytest.raises(UserError, match="2 numbers in ideal for 4 tasks"):
        balancing.get(name, ideal=[0.0, -1.0]).build(4)


@pytest.mark.parametrize("scale", [1e-6, 0.3, 1e6])
def test_pbi_on_its_ray_counts_the_way_along_alone(scale):
    preference = np.array([1.0, 2.0, 0.7, 1.1])
    balancer = fresh("pbi", 4, preference=tuple(preference))
    found = weights_of(balancer, np.eye(4), scale * preference)
    np.testing.assert_allclose(
        found, 2 * preference / np.linalg.norm(preference), rtol=1e-6
    )
    near = scale * (preference + 1e-4 * np.eye(4)[0])
    near = weights_of(balancer, np.eye(4), near)
    assert near[0] > 5.0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ldc_mtl", {"penalty": -1.0}, "penalty must be a finite number"),
        ("ldc_mtl", {"pairs": "chian"}, 'Did you mean "chain"'),
        ("go4align", {"groups": 0}, "groups must be an integer"),
        ("go4align", {"groups": 1.5}, "groups must be an integer"),
        ("pbi", {"theta": float("nan")}, "theta must be a finite number"),
        ("pbi", {"preference": [1.0, 0.0]}, "preference must be positive"),
        ("cosmos", {"pull": -1.0}, "pull must be a finite number"),
        (
            "cosmos",
            {"concentration": 0.0},
            "concentration must be a finite number, above 0",
        ),
        ("famo", {"max_norm": 0.0}, "max_norm must be positive"),
        ("nash_mtl", {"max_norm": -1.0}, "max_norm must be positive"),
    ],
)
def test_options_out_of_range_are_named(name, options, message):
    with pytest.raises(UserError, match=message):
        balancing.get(name, **options)


def towards(ray, pull):
    """Return COSMOS's objective of the losses."""

    def objective(losses):
        cosine = ray @ losses / np.linalg.norm(ray) / np.linalg.norm(losses)
        return ray @ losses - pull * cosine

    return objective


def test_cosmos_is_t_times_the_gradient_of_its_objective():
    preference = np.array([1.0, 2.0, 0.5, 1.0])
    balancer = balancing.get("cosmos", preference=preference, pull=3.0)
    objective = towards(preference / preference.sum(), 3.0)
    expected = 4 * gradient_of(objective, LOSSES)
    found = weights_of(balancer, np.eye(4), LOSSES)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_cosmos_takes_the_ray_that_it_announced():
    balancer = balancing.get("cosmos", concentration=1.2, preference=[1, 1, 4, 1])
    balancer.build(4)
    rays = []
    for _ in range(200):
        ray = np.array([float(r) for r in balancer.ray()])
        found = weights_of(balancer, np.eye(4), LOSSES)
        rays.append(ray)
        expected = 4 * gradient_of(towards(ray, 2.0), LOSSES)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.sum(rays, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(
        np.mean(rays, axis=0), [1 / 7, 1 / 7, 4 / 7, 1 / 7], atol=0.05
    )


def test_cosmos_keeps_its_ray_in_a_step_that_is_skipped():
    balancer = balancing.get("cosmos", concentration=1.2)
    balancer.build(4)
    before = [float(r) for r in balancer.ray()]
    weights_of(balancer, np.eye(4), [np.nan, 1.0, 1.0, 1.0])
    assert [float(r) for r in balancer.ray()] == before
