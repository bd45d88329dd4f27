"""Checks of how rows are mixed in training."""

from collections.abc import Sequence
from typing import Any

from polytask._checks import checked_number
from polytask._keras_private import origin
from polytask.balancing import Balancer
from polytask.errors import UserError
from polytask.layers.cumulative_logits import CumulativeLogits
from polytask.training.manifold_mixup import ManifoldMixup
from polytask.training.mixup import Mixup
from polytask.training.regularization import (
    RDrop,
    SelfPaced,
    TrainingRegularizer,
)
from polytask.training.regularization.slope_penalty import SlopePenalty
from polytask.training.task_graph import end_of_task


def checked_mixing(
    model: Any,
    mixup: Any,
    tasks: list[str],
    balancer: Balancer,
    regularizers: Sequence[TrainingRegularizer],
) -> Mixup | None:
    """Return how rows are mixed in training, refused where they cannot be.

    Args:
        model: The model.
        mixup: What `compile` was given: α, an object, or None.
        tasks: The tasks with a loss.
        balancer: The balancer.
        regularizers: The regularizers of the training.

    Raises:
        UserError: If rows cannot be mixed.
    """
    if mixup is None:
        return None
    if not isinstance(mixup, Mixup):
        mixup = Mixup(checked_number(mixup, "mixup", "compile", above=0.0))
    name = type(mixup).__name__
    mixup.bind(model, tasks)
    for task in tasks:
        end = end_of_task(model.task_outputs[task])
        if isinstance(origin(end).operation, CumulativeLogits):
            raise UserError(
                f'{name} mixes two rows, but the classes of "{task}" are ordered, and '
                "between two of them may be a third. Do without mixup."
            )
    if balancer.cross_batch:
        raise UserError(
            f"mixup pairs rows of a batch, of which {type(balancer).__name__} compares "
            "two independent halves. Use one of them."
        )
    paced = [entry for entry in regularizers if isinstance(entry, SelfPaced)]
    if paced:
        raise UserError(
            f"SelfPaced leaves out rows by their loss, but {name} mixes rows in pairs. "
            "Use one of them."
        )
    asking = [
        entry
        for entry in regularizers
        if isinstance(entry, SlopePenalty)
        or (entry.in_losses and not isinstance(entry, RDrop))
    ]
    if isinstance(mixup, ManifoldMixup) and asking:
        raise UserError(
            f"{type(asking[0]).__name__} asks the network about rows as they are, but "
            "ManifoldMixup mixes them on their way. Use Mixup, or one of the two alone."
        )
    return mixup
