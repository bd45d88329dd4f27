"""What a study file lets a search try."""

import pytest

from polytask import UserError
from polytask.lab.studies.reading import Place
from polytask.lab.studies.search.space import USUAL, Candidate, Space
from polytask.lab.studies.structure import structure_of
from polytask_options import Budget, ElasticNet, Network, Settings

BASE = Candidate(Network(), Budget(), Settings())
TASKS = ("sick", "score")


def space(**values):
    return Space.read(values, Place("s.toml, [search]"))


def span(low=1e-6, high=1e-2):
    return {"low": low, "high": high, "log": True}


def test_options_of_the_search_stand_beside_ranges():
    read = space(trials=8, sampler="random", l1=span(), trunk=[[8], [8, 4]])
    assert read.options.trials == 8
    assert list(read.domains) == ["l1", "trunk"]


def test_pruning_is_the_search_s_own_or_an_option_that_is_searched():
    assert not space(pruning=False).options.pruning
    searched = space(pruning=["none", {"sparsity": 0.5}])
    assert searched.options.pruning
    assert searched.domains["pruning"].values[1]["sparsity"] == 0.5
    with pytest.raises(UserError, match="pruning = 3; accepted is true or false"):
        space(pruning=3)


def test_the_usual_space_is_one_structure_for_every_draw():
    usual = Space()
    assert set(usual.searched) == set(USUAL)
    structures = {
        structure_of(one.settings) for one in usual.extremes(BASE, TASKS).values()
    }
    assert structures == {structure_of(Settings())}


def test_what_has_nothing_to_act_on_is_not_tried():
    flat = Network(towers=())
    assert Space().fitting(Network(), TASKS) == Space()
    assert "dropout_tower" not in Space().fitting(flat, TASKS).searched
    assert "dropout_trunk" in Space().fitting(flat, TASKS).searched
    wide = space(dropout_tower={"low": 0.0, "high": 0.5}, towers=[[4], [8]])
    assert wide.fitting(flat, TASKS) is wide
    with pytest.raises(UserError, match="dropout_tower changes nothing: the network"):
        space(dropout_tower={"low": 0.0, "high": 0.5}).fitting(flat, TASKS)
    with pytest.raises(UserError, match="balancer changes nothing: it acts between"):
        space(balancer=["equal", "nash_mtl"]).fitting(Network(), TASKS[:1])


def test_a_draw_replaces_options_of_network_budget_and_regularization():
    read = space(
        trunk=[[8], [8, 4]], learning_rate=span(), l1=span(), batch_norm=[True]
    )
    drawn = {"trunk": (8, 4), "learning_rate": 0.1, "l1": 0.2, "batch_norm": True}
    found = read.candidate(BASE, drawn)
    assert found.network.trunk == (8, 4)
    assert found.budget.learning_rate == 0.1
    assert found.settings == Settings(l1=0.2, batch_norm=True)


def test_l1_and_l2_together_are_an_elastic_net():
    found = space(l1=span(), l2=span()).candidate(BASE, {"l1": 0.1, "l2": 0.2})
    assert found.settings == Settings(elastic_net=ElasticNet(0.1, 0.2))


def test_weights_of_losses_are_drawn_by_task_and_have_a_mean_of_1():
    read = space(loss_weights=span(0.1, 10.0))
    names = list(read.parameters(TASKS))
    assert names == ["loss_weights.sick", "loss_weights.score"]
    found = read.candidate(BASE, dict(zip(names, (1.0, 4.0), strict=True)))
    assert found.settings.loss_weights == pytest.approx({"sick": 0.4, "score": 1.6})


def test_what_couples_tasks_is_not_searched_for_one_alone():
    read = space(l1=span(), balancer=["equal", "pcgrad"])
    assert list(read.parameters(TASKS)) == ["l1", "balancer"]
    assert list(read.parameters(TASKS, single=True)) == ["l1"]


def test_none_among_choices_is_an_option_that_is_not_used():
    read = space(regularizer=["none", "l1"])
    assert read.domains["regularizer"].values[0] is None
    assert len(read.extremes(BASE, TASKS)) == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"l1": span(1.0, 1.0)}, "[search.l1]: the range from 1 to 1 is empty"),
        ({"balancer": []}, "balancer = [] is empty"),
        ({"sampler": "tpu"}, 'one of tpe, random, nsga2. Did you mean "tpe"?'),
        ({"epochs": [1, 2]}, 'unknown key "epochs"'),
        ({"droput_trunk": [0.1]}, 'Did you mean "dropout_trunk"?'),
        ({"trials": 0}, "trials = 0; accepted is an integer from 1"),
        ({"balancer": ["pcgrad", "pcgrad"]}, "a list of different values"),
    ],
)
def test_what_cannot_be_tried_is_refused(values, message):
    with pytest.raises(UserError) as error:
        space(**values)
    assert message in str(error.value)


def test_options_of_which_one_may_act_are_refused_together():
    read = space(l1=span(), regularizer=["none", "l2"])
    with pytest.raises(UserError, match="both penalize every kernel"):
        read.extremes(BASE, TASKS)
