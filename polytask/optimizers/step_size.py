"""The step an optimizer takes per unit of a steady gradient.

A proximal step must shrink by the same yardstick as the gradient step moves, or
the two settle at the solution of another problem. For an optimizer whose update is
`step * gradient / metric` once its averages have settled, the matching proximal
operator is taken in that metric.

Source:
    Jihun Yun, Aurélie C. Lozano, Eunho Yang, 2021, "Adaptive Proximal Gradient
    Methods for Structured Neural Networks".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops


@dataclass(frozen=True)
class StepSize:
    """A scalar step and the diagonal metric it is measured in.

    Attributes:
        step: Scalar; the gradient step is `step * gradient / metric`.
        metric: Tensor in the shape of the variable, or None for 1.
    """

    step: Any
    metric: Any = None


#: Name of the slot for the step that momentum has gathered, Σ momentumᵏ lr(t-k): the
#: buffer holds updates made at earlier learning rates, so under a schedule it is not
#: lr / (1 - momentum), and a shorter proximal step would leave no zeros.
MOMENTUM_STEP = "momentum_step"

# The slot variables of one model variable, by the optimizer's name for them.
Slots = dict[str, Any]
Rule = Callable[[keras.optimizers.Optimizer, Slots, Any, Any], StepSize]


def _value(slot: keras.Variable) -> Any:
    return ops.cast(ops.convert_to_tensor(slot), "float32")


def _sgd(optimizer: Any, slots: Slots, lr: Any, t: Any) -> StepSize:
    if not optimizer.momentum:
        return StepSize(lr)
    gathered = _value(slots[MOMENTUM_STEP])
    return StepSize(
        optimizer.momentum * gathered + lr if optimizer.nesterov else gathered
    )


def _adam(optimizer: Any, slots: Slots, lr: Any, t: Any) -> StepSize:
    second = _value(slots["velocity_hat" if optimizer.amsgrad else "velocity"])
    correction = ops.sqrt(1.0 - ops.power(optimizer.beta_2, ops.cast(t, "float32")))
    return StepSize(lr * correction, ops.sqrt(second) + optimizer.epsilon)


def _nadam(optimizer: Any, slots: Slots, lr: Any, t: Any) -> StepSize:
    correction = 1.0 - ops.power(optimizer.beta_2, ops.cast(t, "float32"))
    second = _value(slots["velocity"]) / correction
    return StepSize(lr, ops.sqrt(second) + optimizer.epsilon)


def _adamax(optimizer: Any, slots: Slots, lr: Any, t: Any) -> StepSize:
    return StepSize(lr, _value(slots["norm"]) + optimizer.epsilon)


def _rmsprop(optimizer: Any, slots: Slots, lr: Any, t: Any) -> StepSize:
    second = _value(slots["velocity"]) + optimizer.epsilon
    if optimizer.centered:
        second = second - ops.square(_value(slots["average_gradient"]))
    step = _value(slots[MOMENTUM_STEP]) if optimizer.momentum else lr
    return StepSize(step, ops.sqrt(second))


def _adagrad(optimizer: Any, slots: Slots, lr: Any, t: Any) -> StepSize:
    return StepSize(lr, ops.sqrt(_value(slots["accumulator"]) + optimizer.epsilon))


_RULES: dict[type, Rule] = {
    keras.optimizers.SGD: _sgd,
    keras.optimizers.Adam: _adam,
    keras.optimizers.AdamW: _adam,
    keras.optimizers.Nadam: _nadam,
    keras.optimizers.Adamax: _adamax,
    keras.optimizers.RMSprop: _rmsprop,
    keras.optimizers.Adagrad: _adagrad,
}


def _rule(optimizer: keras.optimizers.Optimizer) -> Rule | None:
    for cls in type(optimizer).__mro__:
        if cls in _RULES:
            return _RULES[cls]
    return None


def has_step_size(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether a proximal step exists that matches the optimizer."""
    return _rule(optimizer) is not None


def has_metric(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether the optimizer has a step of its own for each weight."""
    return _rule(optimizer) is not _sgd


def supported_optimizers() -> list[str]:
    """Return the names of the optimizers that a proximal step exists for."""
    return sorted(cls.__name__ for cls in _RULES)


def step_size(
    optimizer: keras.optimizers.Optimizer, slots: Slots, learning_rate: Any, t: Any
) -> StepSize:
    """Return the step and metric of the update that was just made.

    Args:
        optimizer: A Keras optimizer for which `has_step_size` holds.
        slots: Its slot variables for one model variable, by name.
        learning_rate: The learning rate of that update.
        t: Number of updates made, counted from 1.

    Returns:
        The step and the metric.

    Raises:
        TypeError: If there is no matching step for the optimizer.
    """
    rule = _rule(optimizer)
    if rule is None:
        raise TypeError(
            f"{type(optimizer).__name__} has no diagonal metric. A proximal step "
            f"exists for: {', '.join(supported_optimizers())}."
        )
    return rule(optimizer, slots, ops.cast(learning_rate, "float32"), t)
