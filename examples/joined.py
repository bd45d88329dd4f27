"""One network of several that were trained one by one."""

from collections.abc import Sequence

import keras

import polytask


def joined(members: Sequence[polytask.MultiTaskModel]) -> polytask.MultiTaskModel:
    """Return one network whose outputs are the means of its members'.

    Args:
        members: Networks with the same inputs and tasks.
    """
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
