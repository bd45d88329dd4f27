import itertools

import numpy as np
import pytest

from polytask import UserError
from polytask.numeric.task_groups import best_partition


def partitions(tasks):
    """Yield every partition of a list, by brute force."""
    if not tasks:
        yield []
        return
    first, *others = tasks
    for size in range(len(others) + 1):
        for company in itertools.combinations(others, size):
            rest = [task for task in others if task not in company]
            for partition in partitions(rest):
                yield [[first, *company], *partition]


def score(affinity, partition):
    return sum(
        np.mean([affinity[i, j] for i in group if i != j])
        for group in partition
        if len(group) > 1
        for j in group
    )


@pytest.mark.parametrize("tasks", [1, 2, 4, 5])
def test_no_partition_is_better(tasks):
    affinity = np.random.default_rng(tasks).normal(size=(tasks, tasks))
    for max_groups in range(1, tasks + 1):
        found = best_partition(affinity, max_groups)
        assert sorted(task for group in found for task in group) == list(range(tasks))
        assert len(found) <= max_groups
        allowed = [p for p in partitions(list(range(tasks))) if len(p) <= max_groups]
        best = max(score(affinity, partition) for partition in allowed)
        assert score(affinity, found) == pytest.approx(best)


def test_tasks_that_harm_each_other_stay_alone_and_the_diagonal_says_nothing():
    affinity = np.full((3, 3), -1.0)
    np.fill_diagonal(affinity, np.nan)
    assert best_partition(affinity, 3) == [[0], [1], [2]]


@pytest.mark.parametrize(
    ("affinity", "max_groups", "message"),
    [
        (np.ones((2, 3)), 1, r"square matrix; found the shape \(2, 3\)"),
        (np.array([[0, np.nan], [0, 0]]), 1, "must be finite"),
        (np.ones((14, 14)), 2, "at most 13 tasks; found 14"),
        (np.ones((2, 2)), 0, "max_groups must be 1 or more; found 0"),
    ],
)
def test_wrong_arguments_are_refused(affinity, max_groups, message):
    with pytest.raises(UserError, match=message):
        best_partition(affinity, max_groups)
