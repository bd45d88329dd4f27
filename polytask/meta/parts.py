"""Which weights of a model belong to its trunk, and which to its heads."""

from typing import Any

from polytask.errors import UserError

#: What the inner loop may move.
PARTS = ("all", "trunk", "head")


def positions(model: Any, part: str) -> tuple[int, ...]:
    """Return the positions of a part's weights among the trainable ones.

    With several tasks that share weights, the heads are the weights of one task alone.
    Otherwise nothing says where a head begins, and it is the last layer: the last
    kernel and what follows it.

    Args:
        model: A compiled `MultiTaskModel`.
        part: One of `PARTS`.

    Raises:
        UserError: If the model has no such weights.
    """
    variables = model.trainable_variables
    every = range(len(variables))
    if part == "all":
        return tuple(every)
    graph = model.step_plan.graph
    if graph.shared:
        own = {id(v) for private in graph.private.values() for v in private}
        in_head = [id(v) in own for v in variables]
    else:
        kernels = [i for i in every if len(variables[i].shape) >= 2]
        in_head = [bool(kernels) and i >= kernels[-1] for i in every]
    chosen = tuple(i for i in every if in_head[i] == (part == "head"))
    if not chosen:
        raise UserError(
            f'The model "{model.name}" has no trainable weights in its {part}, which '
            "the method moves in the inner loop."
        )
    return chosen
