"""Checks of the regularizers of the training that `compile` is given."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras

from polytask.balancing import Balancer
from polytask.errors import UserError
from polytask.training.regularization import SAM, TrainingRegularizer
from polytask.training.step_plan import StepPlan


def checked_regularizers(
    regularizers: Any, optimizer: keras.optimizers.Optimizer, balancer: Balancer
) -> tuple[TrainingRegularizer, ...]:
    """Return the regularizers of the training.

    Args:
        regularizers: A regularizer, a list of them, or None.
        optimizer: The user's optimizer, out of its wrappers.
        balancer: The balancer.

    Raises:
        UserError: If an entry is something else, stands twice, or does not go together
            with optimizer or balancer.
    """
    entries = (
        regularizers
        if isinstance(regularizers, Sequence) and not isinstance(regularizers, str)
        else (() if regularizers is None else (regularizers,))
    )
    for entry in entries:
        if not isinstance(entry, TrainingRegularizer):
            raise UserError(
                "regularizers takes regularizers of the training, such as "
                f"polytask.training.SAM(); found {entry!r}. One of a layer's weights "
                "is the layer's kernel_regularizer, one of tasks task_structure."
            )
    kinds = [type(entry) for entry in entries]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise UserError(f"regularizers has {kind.__name__} twice; give it once.")
    doubling = [entry for entry in entries if entry.doubles]
    if len(doubling) > 1:
        first, second = (type(entry).__name__ for entry in doubling[:2])
        raise UserError(
            f"{first} and {second} both put a second half behind the rows of a batch, "
            "and each would compare with that of the other. Use one of them."
        )
    each = [entry for entry in entries if entry.each_batch]
    if each and optimizer.gradient_accumulation_steps:
        raise UserError(
            f"{type(each[0]).__name__} acts on the gradient of each batch, not on the "
            "mean of several; do without gradient_accumulation_steps."
        )
    apart = [entry for entry in entries if not entry.averages]
    if apart and optimizer.use_ema:
        raise UserError(
            f"{type(apart[0]).__name__} keeps weights at zero, but the averages of "
            "use_ema=True are not zero. Use one of them."
        )
    own = any(isinstance(entry, SAM) and entry.per_task for entry in entries)
    if own and (balancer.cross_batch or balancer.consistency):
        raise UserError(
            f"SAM with per_task=True takes each task's gradient at weights of its own, "
            f"of which {type(balancer).__name__} needs more than that gradient. Use "
            "per_task=False or another balancer."
        )
    added = [entry for entry in entries if entry.in_losses]
    if added and balancer.cross_batch:
        raise UserError(
            f"{type(added[0]).__name__} adds a mean over the whole batch to the losses "
            f"of tasks, of which {type(balancer).__name__} compares two independent "
            "halves. Use one of them."
        )
    return tuple(entries)


def refuse_given_away(plan: StepPlan) -> None:
    """Refuse to train with a regularizer whose state is that of another model now.

    Args:
        plan: Of the model that is to be trained.

    Raises:
        UserError: If `compile` of another model, with the same object, began its state
            anew for the weights there.
    """
    own = {id(variable) for variable in plan.optimizer.rules.step_state}
    for entry in plan.regularizers:
        if any(id(variable) not in own for variable in entry.variables):
            raise UserError(
                f"{type(entry).__name__} was given to compile of another model too, "
                "and holds the state of that one now. Compile each model with one of "
                "its own."
            )


def savable(regularizers: Any) -> list[TrainingRegularizer] | None:
    """Return those that a file can hold, with a warning for the others.

    Args:
        regularizers: As `compile` took them.
    """
    if regularizers is None:
        return None
    several = isinstance(regularizers, Sequence)
    entries = list(regularizers) if several else [regularizers]
    for entry in entries:
        if not entry.savable:
            warnings.warn(
                f"The file will not hold {type(entry).__name__}: it belongs to other "
                "networks. Call compile() again before the loaded model is trained.",
                stacklevel=2,
            )
    return [entry for entry in entries if entry.savable]
