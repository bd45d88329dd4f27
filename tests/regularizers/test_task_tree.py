"""The tree of tasks: what is a tree, and which tasks it names."""

import numpy as np
import pytest

from polytask import UserError
from polytask.regularizers import TreeGroupLasso

W = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def test_names_stand_for_the_positions_of_the_tasks():
    by_name = TreeGroupLasso([["b", "c"], ["a", "b", "c"]], 0.3)
    by_name.bind(("a", "b", "c"), (1, 1, 1))
    by_position = TreeGroupLasso([[1, 2], [0, 1, 2]], 0.3)
    assert float(by_name(W)) == float(by_position(W))
    copy = TreeGroupLasso.from_config(by_name.get_config())
    assert float(copy(W)) == float(by_name(W))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TreeGroupLasso([[0, 1], [1, 2]]), "overlap, which is no tree"),
        (lambda: TreeGroupLasso([]), "groups must be lists of tasks"),
        (lambda: TreeGroupLasso([[0]], weights=[1, 2]), "2 weights for 1 groups"),
        (lambda: TreeGroupLasso([[0]], weights=[0]), "weights must be"),
        (lambda: TreeGroupLasso([[7]])(W), "names task 7 of 3 tasks"),
        (lambda: TreeGroupLasso([["x"]]).bind(("a", "b")), 'unknown task "x"'),
        (
            lambda: TreeGroupLasso([[0]], tasks=["b", "a"]).bind(("a", "b")),
            "made for the tasks b, a; found a, b",
        ),
    ],
)
def test_what_is_no_tree_of_the_tasks_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
