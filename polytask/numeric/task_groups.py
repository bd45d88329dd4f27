"""Which tasks to train together, from how much each helps the others."""

import numpy as np

from polytask.errors import UserError

#: Beyond this the exact search takes more than seconds: it looks at 3ᵀ splits.
MOST_TASKS = 13


def best_partition(affinity: np.ndarray, max_groups: int) -> list[list[int]]:
    """Return the partition of tasks into groups in which they help each other most.

    A task of a group scores the mean affinity onto it of the others in the group, one
    alone scores 0; the sum over tasks is largest. The search is exact: the best
    partition of a set is a group with its first task and the best partition of the
    rest.

    Args:
        affinity: (T, T); entry [i, j] says how much a step on task i helps task j. The
            diagonal is not used.
        max_groups: The most groups, at least 1.

    Returns:
        Groups of task numbers, each in order.

    Raises:
        UserError: If the matrix is not square and finite, there are more than 13 tasks,
            or `max_groups` is below 1.

    Source:
        Fifty et al., "Efficiently Identifying Task Groupings for Multi-Task Learning",
        NeurIPS 2021.

    Example:
        >>> helps = np.array([[0, 0.4, -0.2], [0.3, 0, -0.1], [-0.3, 0.1, 0]])
        >>> best_partition(helps, max_groups=2)
        [[0, 1], [2]]
    """
    affinity = np.array(affinity, "float64")
    tasks = len(affinity)
    if affinity.shape != (tasks, tasks) or not tasks:
        raise UserError(
            f"The affinity must be a square matrix; found the shape {affinity.shape}."
        )
    np.fill_diagonal(affinity, 0.0)
    if not np.all(np.isfinite(affinity)):
        raise UserError("The affinity must be finite outside of its diagonal.")
    if tasks > MOST_TASKS:
        raise UserError(
            f"The exact search takes at most {MOST_TASKS} tasks; found {tasks}."
        )
    if max_groups < 1:
        raise UserError(f"max_groups must be 1 or more; found {max_groups}.")
    scores = _group_scores(affinity)
    everything = (1 << tasks) - 1
    # best[set] is the score of its best partition; chosen[set] the group cut off.
    best = np.full(everything + 1, -np.inf)
    best[0] = 0.0
    chosen: list[np.ndarray] = []
    for _ in range(min(max_groups, tasks)):
        better, group = _with_one_more_group(best, scores)
        chosen.append(group)
        best = better
    groups, rest = [], everything
    for group in reversed(chosen):
        if rest:
            groups.append(int(group[rest]))
            rest &= ~groups[-1]
    members = [[t for t in range(tasks) if group >> t & 1] for group in groups]
    return sorted(members)


def _group_scores(affinity: np.ndarray) -> np.ndarray:
    """Return the score of every set of tasks as one group."""
    tasks = len(affinity)
    sets = (np.arange(1 << tasks)[:, None] >> np.arange(tasks)) & 1
    total = np.einsum("si,ij,sj->s", sets, affinity, sets, optimize=True)
    scores: np.ndarray = total / np.maximum(sets.sum(axis=1) - 1, 1)
    return scores


def _with_one_more_group(
    best: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best scores with one group more, or one less, and that group."""
    better = np.full_like(best, -np.inf)
    better[0] = 0.0
    group = np.zeros(len(best), int)
    for everything in range(1, len(best)):
        first = everything & -everything
        others = everything ^ first
        # All subsets that hold the first task.
        subsets = first | _subsets(others)
        totals = scores[subsets] + best[everything ^ subsets]
        place = int(np.argmax(totals))
        better[everything], group[everything] = totals[place], subsets[place]
    return better, group


def _subsets(members: int) -> np.ndarray:
    """Return all subsets of a set of bits."""
    subsets = np.zeros(1, int)
    while members:
        bit = members & -members
        subsets = np.concatenate([subsets, subsets | bit])
        members ^= bit
    return subsets
