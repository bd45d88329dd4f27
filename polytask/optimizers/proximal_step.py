"""The proximal step that follows an optimizer's update."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from polytask.numeric.namespace import concrete
from polytask.optimizers.kernel_stack import stack_kernels, unstack_kernels
from polytask.optimizers.step_size import Slots, step_size

Values = dict[int, Any]


@dataclass(frozen=True, eq=False)
class ProximalGroup:
    """Variables that one regularizer shrinks together after each update.

    Attributes:
        regularizer: A `polytask.regularizers.Regularizer` with a prox.
        variables: One variable, or the kernels of a task structure, which are
            stacked along their last axis.
    """

    regularizer: Any
    variables: list[keras.Variable]

    @property
    def scalar(self) -> bool:
        """Whether the prox exists in a scalar metric only."""
        return bool(self.regularizer.metric == "scalar")


def values_before(groups: list[ProximalGroup]) -> Values:
    """Return the weights that `shrink` needs from before the update.

    Args:
        groups: All proximal groups.

    Returns:
        id of a variable → its value, for groups in a scalar metric.
    """
    return {
        id(v): ops.copy(_value(v))
        for group in groups
        if group.scalar
        for v in group.variables
    }


def shrink(
    group: ProximalGroup,
    optimizer: keras.optimizers.Optimizer,
    slots: dict[int, Slots],
    before: Values,
    learning_rate: Any,
    moved: list[Any],
    assign: Callable[[Any, Any], None],
) -> Any:
    """Replace the weights of a group by their prox, in the metric of the optimizer.

    Weights whose prox is not finite stay as they are.

    Args:
        group: The variables and their regularizer.
        optimizer: The optimizer that has just made an update.
        slots: id of a variable → the optimizer's slots for it.
        before: What `values_before` returned before the update.
        learning_rate: The learning rate of the update.
        moved: For each variable whether it was updated at all (bool tensor), or None
            where it is known to be: PyTorch chooses slowly between two tensors.
        assign: `(variable, value)`, which gives a variable its value.

    Returns:
        Whether the prox was finite, as a scalar tensor, where it may fail; True where
        it cannot.
    """
    sizes = [
        step_size(optimizer, slots.get(id(v), {}), learning_rate, optimizer.iterations)
        for v in group.variables
    ]
    values = [_value(v) for v in group.variables]
    step = sizes[0].step
    if len(sizes) > 1:
        # With momentum, steps differ where a task was absent now and then.
        step = ops.max(ops.stack([size.step for size in sizes]))
    metric = None
    targets = values
    if sizes[0].metric is not None:
        metrics = [size.metric for size in sizes]
        if group.scalar:
            metric = _one_metric(metrics)
            # The update went by a metric of its own for each weight. Undo that: the
            # prox and the gradient step must agree on one metric, or they settle at
            # the solution of another problem.
            targets = [
                before[id(v)] + (value - before[id(v)]) * m / metric
                for v, value, m in zip(group.variables, values, metrics, strict=True)
            ]
        else:
            metric = stack_kernels(metrics, group.regularizer)
    stack = stack_kernels(targets, group.regularizer)
    shrunken = unstack_kernels(
        group.regularizer.prox(stack, step, metric), values, group.regularizer
    )
    sound: Any = True
    if group.regularizer.may_fail:
        # One sum, which one entry that is not finite spoils.
        sound = ops.isfinite(sum(ops.sum(new) for new in shrunken))
        known = concrete(sound)
        if known is None or not known:
            moved = [sound if c is None else sound & c for c in moved]
    for variable, condition, old, new in zip(
        group.variables, moved, values, shrunken, strict=True
    ):
        if condition is not None:
            new = ops.where(condition, new, old)
        # Before the assignment, which on PyTorch changes `old` too.
        change = new - old if optimizer.use_ema else None
        assign(variable, ops.cast(new, variable.dtype))
        if change is not None:
            follow(optimizer, slots[id(variable)], change, assign)
    return sound


def _value(variable: keras.Variable) -> Any:
    return ops.cast(ops.convert_to_tensor(variable), "float32")


def _one_metric(metrics: list[Any]) -> Any:
    """Return the root mean square of the metric over all weights of the group."""
    squares = sum(ops.sum(ops.square(m)) for m in metrics)
    count = sum(ops.size(m) for m in metrics)
    return ops.sqrt(squares / ops.cast(count, "float32"))


def follow(
    optimizer: keras.optimizers.Optimizer,
    slots: Slots,
    change: Any,
    assign: Callable[[Any, Any], None],
) -> None:
    """Let the moving average of a variable be as if it had seen other weights.

    Args:
        optimizer: The optimizer, with `use_ema=True`, that has just made an update.
        slots: Its slots for the variable.
        change: What was added to the weights after the update.
        assign: `(variable, value)`, which gives a variable its value.
    """
    average = slots["average"]
    # Keras starts the average at the first weights: momentum 0 in that update.
    first = ops.cast(ops.equal(optimizer.iterations, 1), "float32")
    share = ops.maximum(1.0 - optimizer.ema_momentum, first)
    change = ops.cast(share * change, average.dtype)
    assign(average, ops.convert_to_tensor(average) + change)
