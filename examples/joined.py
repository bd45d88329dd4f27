"""One network of several that were trained one by one."""

from collections.abc import Sequence

import keras

import polytask


def member_seeds(seed: int, members: int) -> range:
    """Return the seeds of a network's members, which no network of another seed has."""
    return range(seed * members, (seed + 1) * members)


def joined(members: Sequence[polytask.MultiTaskModel]) -> polytask.MultiTaskModel:
    """Return one network whose outputs are the means of its members', or the only one.

    Args:
        members: Networks with the same inputs and tasks.
    """
    if len(members) == 1:
        return members[0]
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name),
        members[0].input,
    )
    each = [member(inputs) for member in members]
    outputs = {
        task: keras.layers.Average(name=task)([outputs[task] for outputs in each])
        for task in members[0].task_names
    }
    return polytask.MultiTaskModel(inputs, outputs)
