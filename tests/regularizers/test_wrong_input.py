"""Each mistake gives one message that says what was found and what is accepted."""

import keras
import numpy as np
import pytest

from polytask import regularizers
from polytask.errors import UserError
from polytask.regularizers import (
    L1,
    L2SP,
    L21,
    GraphLaplacian,
    GroupLasso,
    MeanRegularized,
    NetworkLasso,
    TraceNorm,
)

STRENGTHS = {
    "L1": lambda value: L1(value),
    "L2": lambda value: regularizers.L2(value),
    "ElasticNet": lambda value: regularizers.ElasticNet(l2=value),
    "GroupLasso": lambda value: GroupLasso(value),
    "L21": lambda value: L21(value),
    "TraceNorm": lambda value: TraceNorm(value),
    "MeanRegularized": lambda value: MeanRegularized(value),
    "GraphLaplacian": lambda value: GraphLaplacian(value, edges="chain"),
    "Dirty": lambda value: regularizers.Dirty(private=value),
    "MaxNorm": lambda value: regularizers.MaxNorm(value),
}


@pytest.mark.parametrize("owner", sorted(STRENGTHS))
@pytest.mark.parametrize(
    "value", [-0.1, float("nan"), float("inf"), "much", None, True]
)
def test_a_strength_must_be_a_finite_number_of_at_least_zero(owner, value):
    with pytest.raises(UserError, match=owner):
        STRENGTHS[owner](value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GroupLasso(groups="input"), 'Did you mean "inputs"'),
        (lambda: regularizers.SparseGroupLasso(l1_ratio=1.5), "at most 1"),
        (lambda: regularizers.Box(1.0, 0.0), "low must be below high"),
        (lambda: regularizers.TopK(0), "at least 1"),
        (lambda: regularizers.TopK(2.5), "an integer"),
        (lambda: regularizers.SCAD(a=2.0), "above 2"),
        (lambda: regularizers.MCP(gamma=0.0), "above 0"),
        (lambda: regularizers.TensorTraceNorm(unfolding="cp"), "tucker"),
        (lambda: GraphLaplacian(), "neither"),
        (lambda: GraphLaplacian(edges="chain", adjacency=np.eye(2)), "both"),
        (lambda: GraphLaplacian(edges="chian"), 'Did you mean "chain"'),
        (lambda: GraphLaplacian(edges=[(0, 1, -2.0)]), "edge 0-1"),
        (lambda: GraphLaplacian(edges=[(0, 1, float("nan"))]), "edge 0-1"),
        (lambda: GraphLaplacian(edges=[(0, 0)]), "other task"),
        (lambda: GraphLaplacian(edges=[(0,)]), "other task"),
        (lambda: GraphLaplacian(adjacency=[[0, -1], [-1, 0]]), "at least 0"),
        (lambda: GraphLaplacian(adjacency=[[0, 1], [2, 0]]), "symmetric"),
        (lambda: GraphLaplacian(adjacency=[[0, 1]]), "square"),
        (lambda: GraphLaplacian(adjacency="complete"), "matrix of numbers"),
        (
            lambda: GraphLaplacian(edges=[("clik", "buy")], tasks=["click", "buy"]),
            'Did you mean "click"',
        ),
        (lambda: NetworkLasso(edges=[(0, 5)], tasks=["a", "b"]), "position 5"),
        (lambda: L2SP([1.0, 2.0], importance=[-1.0, 1.0]), "at least 0"),
        (lambda: L2SP([1.0, 2.0], importance=[1.0]), "must be equal"),
        (lambda: L2SP([float("nan")]), "not finite"),
        (lambda: regularizers.WeightedL1([1.0, -1.0]), "finite and at least 0"),
        (lambda: regularizers.WeightedL1([1.0])(W), "must be equal"),
    ],
)
def test_a_wrong_constructor_argument_is_named(make, words):
    with pytest.raises(UserError, match=words):
        make()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: regularizers.get("group_laso"), 'Did you mean "group_lasso"'),
        (lambda: regularizers.get("l1", strenght=1.0), 'Did you mean "strength"'),
        (lambda: regularizers.get("top_k"), 'needs the option "count"'),
        (lambda: regularizers.get(L1(0.1), strength=1.0), "name or class"),
        (lambda: regularizers.get(3), "Could not interpret"),
    ],
)
def test_get_names_the_nearest_and_the_known(call, words):
    with pytest.raises(UserError, match=words):
        call()


W = np.ones((3, 2), "float32")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: regularizers.Orthogonality().prox(W, 0.1), "no closed-form prox"),
        (lambda: TraceNorm().prox(W, 0.1, np.ones_like(W)), "scalar metric only"),
        (lambda: L1().prox(W, 0.1, np.ones(3, "float32")), "must be a scalar or have"),
        (lambda: regularizers.L2().lambda_max(W), "no lambda_max"),
        (lambda: L2SP([1.0])(W), "must be equal"),
        (lambda: GroupLasso()(np.ones(3, "float32")), "at least 2 axes"),
        (lambda: GraphLaplacian(edges=[(0, 2)])(W), "position 2"),
        (lambda: GraphLaplacian(adjacency=np.zeros((3, 3)))(W), "for 3 tasks"),
        (lambda: GraphLaplacian(edges=[("a", "b")])(W), "order of the tasks"),
        (
            lambda: regularizers.TensorTraceNorm(unfolding="tucker").prox(W, 0.1),
            "no closed-form prox",
        ),
        (
            lambda: NetworkLasso(edges=[(0, 1), (1, 2)]).prox(np.ones((2, 3)), 0.1),
            "no closed-form prox",
        ),
    ],
)
def test_a_wrong_call_is_explained(call, words):
    with pytest.raises(UserError, match=words):
        call()


def test_a_structure_that_compares_tasks_refuses_heads_of_unequal_width():
    with pytest.raises(UserError, match=r"equal width; found digit: 10, even: 1"):
        MeanRegularized().bind(["digit", "even"], widths=[10, 1])
    L21().bind(["digit", "even"], widths=[10, 1])


def test_a_graph_learns_the_names_of_the_tasks():
    graph = GraphLaplacian(1.0, edges=[("b", "c")])
    graph.bind(["a", "b", "c"])
    assert float(graph(np.array([[1.0, 0.0, 2.0]]))) == pytest.approx(2.0)
    copy = regularizers.deserialize(regularizers.serialize(graph))
    assert copy.get_config()["tasks"] == ["a", "b", "c"]


def test_a_graph_refuses_tasks_that_it_was_not_made_for():
    with pytest.raises(UserError, match='unknown task "d"'):
        GraphLaplacian(edges=[("a", "d")]).bind(["a", "b"])
    with pytest.raises(UserError, match="found b, a"):
        GraphLaplacian(edges="chain", tasks=["a", "b"]).bind(["b", "a"])


def test_more_clusters_than_tasks_are_refused():
    with pytest.raises(UserError, match="only 2 tasks"):
        regularizers.Clustered(3).bind(["a", "b"])


def test_a_network_lasso_of_two_tasks_has_a_prox_once_it_knows_them():
    penalty = NetworkLasso(1.0, edges="complete")
    assert not penalty.has_prox
    penalty.bind(["a", "b"])
    assert penalty.has_prox


def test_a_keras_configuration_of_something_else_is_refused():
    config = keras.saving.serialize_keras_object(keras.losses.MeanSquaredError())
    with pytest.raises(UserError, match="configuration of a regularizer"):
        regularizers.deserialize(config)
