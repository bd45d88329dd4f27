"""Equivalences of structures on singular values."""

import numpy as np
import pytest
from keras import ops

from polytask import regularizers


def norms_of_cuts(w):
    """Every cut of three axes into two sets leaves one axis alone."""
    return [
        np.linalg.norm(np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1), "nuc")
        for axis in range(3)
    ]


def test_the_generalized_trace_norm_is_that_of_the_cheapest_cut():
    random = np.random.default_rng(0)
    w = random.normal(size=(3, 4, 5)).astype("float32")
    w[:] = random.normal(size=(3, 4, 1)) * random.normal(size=5)
    cuts = norms_of_cuts(w)
    # The tasks on the last axis share one direction.
    assert np.argmin(cuts) == 2
    penalty = regularizers.TensorTraceNorm(0.5, unfolding="generalized")
    assert float(penalty(w)) == pytest.approx(0.5 * min(cuts), rel=1e-5)
    # No weights of the cuts that add up to 1 cost less.
    for weights in random.dirichlet(np.ones(3), size=50):
        assert weights @ cuts >= min(cuts)


def test_of_a_matrix_and_of_four_axes_every_cut_is_there_once():
    penalty = regularizers.TensorTraceNorm(1.0, unfolding="generalized")
    w = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    assert float(penalty(w)) == pytest.approx(np.linalg.norm(w, "nuc"), rel=1e-5)
    cuts = penalty._unfoldings(ops, ops.ones((2, 3, 4, 5)))
    assert sorted(int(cut.shape[0]) for cut in cuts) == [2, 6, 8, 10, 24, 30, 40]


def test_clustered_tasks_are_alternating_structure_optimization():
    # cASO has M on the features, of trace k with eigenvalues from 0 to 1; Clustered has
    # it on the tasks.
    cvxpy = pytest.importorskip("cvxpy")
    w = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    eta, clusters = 0.4, 2
    m = cvxpy.Variable((4, 4), PSD=True)
    cost = sum(
        cvxpy.matrix_frac(w[:, t].astype("float64"), eta * np.eye(4) + m)
        for t in range(3)
    )
    limits = [cvxpy.trace(m) == clusters, np.eye(4) - m >> 0]
    problem = cvxpy.Problem(cvxpy.Minimize(cost), limits)
    problem.solve(solver="SCS", eps=1e-8)
    penalty = regularizers.Clustered(clusters, 1.0, eta=eta)
    assert float(penalty(w)) == pytest.approx(0.5 * (1 + eta) * problem.value, rel=1e-4)
