"""Two proximal penalties on one kernel: exact, or said not to be."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from polytask import MultiTaskModel
from polytask.models.joint_penalties import composes_exactly
from polytask.regularizers import L1, L21, GroupLasso, L1Inf, NonNegative, TraceNorm

ROWS = GroupLasso(0.5, groups="inputs", scale_by_size=False)


def norms(cp, kernels):
    """Return what cvxpy calls each penalty on a stack of two kernels side by side."""
    stack = cp.hstack(kernels)
    rows = range(stack.shape[0])
    return {
        L1: lambda p: p.strength * cp.sum(cp.abs(stack)),
        L21: lambda p: p.strength * cp.sum(cp.norm(stack, 2, axis=1)),
        L1Inf: lambda p: p.strength * sum(cp.norm(stack[i], "inf") for i in rows),
        GroupLasso: lambda p: (
            p.strength * sum(cp.norm(k[i], 2) for k in kernels for i in rows)
        ),
        TraceNorm: lambda p: p.strength * cp.normNuc(stack),
        NonNegative: lambda p: 0,
    }


@pytest.mark.parametrize(
    ("first", "second", "spread"),
    [
        (L1(0.5), L21(0.6), 1.0),
        (NonNegative(), L21(0.6), 1.0),
        (NonNegative(), NonNegative(), 1.0),
        (L1(0.5), NonNegative(), 1.0),
        (ROWS, L21(0.6), 0.0),
        (ROWS, L21(0.6), 1.0),
        (L1(0.5), L1Inf(0.6), 0.0),
        (L1(0.5), TraceNorm(0.6), 0.0),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, float) else None,
)
def test_what_is_called_exact_is_the_prox_of_the_sum_and_nothing_else(
    first, second, spread
):
    cp = pytest.importorskip("cvxpy")
    generator = np.random.default_rng(0)
    w = generator.normal(size=(6, 4)).astype("float32")
    metric = np.exp(spread * generator.normal(size=w.shape)).astype("float32")
    kernels = [cp.Variable((6, 2)), cp.Variable((6, 2))]
    stack = cp.hstack(kernels)
    value = norms(cp, kernels)
    objective = 0.5 * cp.sum(cp.multiply(metric, cp.square(stack - w)))
    objective += value[type(first)](first) + value[type(second)](second)
    bounds = [stack >= 0] if NonNegative in (type(first), type(second)) else []
    precise = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-9)
    cp.Problem(cp.Minimize(objective), bounds).solve(solver="CLARABEL", **precise)
    own = metric if spread else None
    parts = [
        first.prox(w[:, s], 1.0, own if own is None else own[:, s])
        for s in (slice(0, 2), slice(2, 4))
    ]
    found = second.prox(ops.concatenate(parts, axis=-1), 1.0, own)
    distance = np.abs(ops.convert_to_numpy(found) - stack.value).max()
    if composes_exactly(first, second, metric=spread > 0):
        assert distance < 2e-5
    else:
        assert distance > 1e-3


@pytest.mark.parametrize("spread", [0.0, 1.0])
@pytest.mark.parametrize(
    "norm", [ROWS, L21(0.5), L1Inf(0.5), TraceNorm(0.5)], ids=lambda n: type(n).__name__
)
def test_a_norm_applied_twice_is_exact_where_that_is_said(norm, spread):
    generator = np.random.default_rng(0)
    w = generator.normal(size=(6, 4)).astype("float32")
    metric = None
    if spread and norm.metric == "diagonal":
        metric = np.exp(spread * generator.normal(size=w.shape)).astype("float32")
    second = norm.rescaled(0.6)
    twice = second.prox(norm.prox(w, 1.0, metric), 1.0, metric)
    once = norm.rescaled(1.6).prox(w, 1.0, metric)
    distance = np.abs(ops.convert_to_numpy(twice - once)).max()
    if composes_exactly(norm, second, metric=spread > 0, same_weights=True):
        assert distance < 2e-6
    else:
        # The trace norm has no other metric, and Adam's is averaged for each prox anew.
        assert distance > 1e-3 or metric is None


def compiled(kernel, structure, optimizer="adam", constraint=None):
    """Compile two heads, and return the texts of the warnings."""
    x = keras.Input((5,))
    ends = {
        task: keras.layers.Dense(
            2, name=task, kernel_regularizer=kernel, kernel_constraint=constraint
        )(x)
        for task in ("a", "b")
    }
    model = MultiTaskModel(x, ends)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.compile(optimizer, loss="mse", task_structure=structure)
    return [str(w.message) for w in caught if "proximal steps" in str(w.message)]


def test_an_inexact_pair_is_named_once():
    [text] = compiled(L1(1e-3), TraceNorm(1e-3))
    assert 'L1 and TraceNorm on "a/kernel" (and 1 more)' in text


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_exact_pairs_and_single_penalties_are_silent(optimizer):
    assert compiled(L1(1e-3), L21(1e-3), optimizer) == []
    assert compiled(keras.regularizers.L2(1e-3), TraceNorm(1e-3), optimizer) == []
    assert compiled(None, TraceNorm(1e-3), optimizer) == []
    assert compiled(L1(1e-3), None, optimizer, constraint="non_neg") == []


def test_nothing_is_said_of_the_same_constraint_twice():
    assert compiled(NonNegative(), None, constraint="non_neg") == []


def test_the_same_norm_twice_depends_on_the_optimizer_and_the_kernels():
    twice = [(L21(1e-3), None), (L21(2e-3), None)]
    assert compiled(None, twice, "sgd") == []
    [text] = compiled(None, twice, "adam")
    assert 'L21 and L21 on "a/kernel" (and 1 more)' in text
    unlike = [(L21(1e-3), None), (L21(2e-3), ["a/kernel"])]
    [text] = compiled(None, unlike, "sgd")
    assert "not known to be the exact step" in text


def test_a_norm_of_groups_inside_groups_depends_on_the_optimizer():
    assert compiled(ROWS, L21(1e-3), "sgd") == []
    assert len(compiled(ROWS, L21(1e-3), "adam")) == 1


def test_a_keras_constraint_counts_as_the_first():
    [text] = compiled(L1(1e-3), None, constraint=keras.constraints.MaxNorm(1.0))
    assert "MaxNorm and L1" in text
