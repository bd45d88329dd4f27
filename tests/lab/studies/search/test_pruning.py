"""Which trials end early, judged by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from polytask.lab.studies.schema import MULTI_TASK, SINGLE_TASK, Run
from polytask.lab.studies.search.pruning import Pruning, best_losses, rungs


def lanes(epoch, losses, task=""):
    """Trainings that have had so many epochs, with these losses in each."""
    model = SINGLE_TASK if task else MULTI_TASK
    return {
        Run(model, f"trial-{number}", 0, task): SimpleNamespace(
            epochs=epoch, relative=[one] * epoch
        )
        for number, one in enumerate(losses)
    }


def numbers(runs):
    return sorted(int(run.variant.removeprefix("trial-")) for run in runs)


@pytest.mark.parametrize(
    ("epochs", "expected"), [(80, (5, 10, 20, 40)), (5, (1, 2)), (1, ())]
)
def test_rungs_halve_the_epochs(epochs, expected):
    assert rungs(epochs) == expected


def test_the_best_epoch_so_far_counts_and_not_the_last():
    curve = [[1.0, 1.0], [0.4, 0.8], [0.9, 0.9]]
    np.testing.assert_array_equal(best_losses(curve, 3), [0.4, 0.8])
    np.testing.assert_array_equal(best_losses(curve, 1), [1.0, 1.0])


def test_the_better_two_thirds_at_a_rung_go_on():
    losses = [[0.6], [0.1], [0.5], [0.2], [0.4], [0.3]]
    assert numbers(Pruning(80)(lanes(5, losses))) == [0, 2]


def test_between_rungs_nobody_ends():
    assert not Pruning(80)(lanes(6, [[0.1], [0.9], [0.8]]))


def test_trials_are_compared_with_those_of_earlier_batches():
    known = {"": [[[0.1]] * 5, [[0.2]] * 5, [[0.9]], [[0.8]]]}
    # The last ones were ended before this rung, which says nothing of them there.
    left = {"": [False, False, True, True]}
    assert numbers(Pruning(80, known=known, left=left)(lanes(5, [[0.25]]))) == [0]
    assert numbers(Pruning(80, known=known, left=left)(lanes(5, [[0.05]]))) == []


def test_a_trial_that_ended_by_itself_counts_at_later_rungs():
    known, left = {"": [[[0.1]]]}, {"": [False]}
    assert numbers(Pruning(80, known=known, left=left)(lanes(10, [[0.2]]))) == [0]


def test_tasks_alone_are_compared_among_themselves():
    both = lanes(5, [[0.9]], "a") | lanes(5, [[0.1]], "b")
    assert not Pruning(80)(both)


def test_a_trial_without_a_loss_ends():
    assert numbers(Pruning(80)(lanes(5, [[np.nan], [0.5], [0.6], [0.7]]))) == [0, 3]


def test_of_several_losses_those_that_four_others_dominate_end():
    front = [[0.1, 0.4], [0.2, 0.3], [0.3, 0.2], [0.4, 0.1]]
    # The first is dominated by all four of the front, the second by two of them.
    behind = [[0.5, 0.5], [0.25, 0.35]]
    assert numbers(Pruning(80, pareto=True)(lanes(5, [*front, *behind]))) == [4]


def test_groups_begin_with_what_was_known_before():
    rule = Pruning(80, known={"": [[[0.1]] * 5]})
    rule(lanes(5, [[0.05], [0.04], [0.03]]))
    assert not rule.fresh()(lanes(5, [[0.06]]))
    assert rule(lanes(5, [[0.06]]))
