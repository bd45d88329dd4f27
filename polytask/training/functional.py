"""A model as a function of its weights, for gradients of gradients.

Unlike the train step, which makes one update of variables, these are pure functions:
a weight that was moved by a gradient remembers how, so that it can be differentiated
again. Keras layers read their variables from the scope that `losses_at` opens.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from polytask._types import Tensor, Variable
from polytask.training.objective import batch_of
from polytask.training.outputs import outputs_by_task
from polytask.training.task_losses import task_losses

if keras.backend.backend() == "jax":
    from polytask.training.functional_jax import (
        compiled_step,
        mapped,
        value_and_gradients,
    )
elif keras.backend.backend() == "tensorflow":
    from polytask.training.functional_tensorflow import (
        compiled_step,
        mapped,
        value_and_gradients,
    )
else:
    from polytask.training.functional_torch import (
        compiled_step,
        mapped,
        value_and_gradients,
    )

__all__ = ["compiled_step", "losses_at", "mapped", "value_and_gradients", "values_of"]


def values_of(variables: Sequence[Variable]) -> list[Tensor]:
    """Return the values of variables, as tensors that do not lead back to them."""
    return [ops.stop_gradient(ops.convert_to_tensor(v)) for v in variables]


def losses_at(
    model: Any,
    variables: Sequence[Variable],
    values: Sequence[Tensor],
    data: Any,
    weighted: bool = True,
    forward: Callable[[Any], Any] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the losses of a compiled model's tasks at other values of its weights.

    Layers act as in inference, unless `forward` says otherwise.

    Args:
        model: A compiled `MultiTaskModel`.
        variables: Some of its variables.
        values: What they are to be; all others keep their values.
        data: A batch `(x, y)` or `(x, y, sample_weight)`.
        weighted: Whether loss weights count. Default: True.
        forward: What makes outputs of inputs, with the same variables. Default: the
            model in inference.

    Returns:
        (T,) losses times their loss weights, and (T,) numbers of labeled rows.
    """
    plan = model.step_plan
    batch = batch_of(plan, data)
    with keras.StatelessScope(list(zip(variables, values, strict=True))):
        found = forward(batch.x) if forward else model(batch.x, training=False)
        outputs = outputs_by_task(plan.outputs, found)
        losses, counts = task_losses(plan, outputs, batch.y, batch.sample_weight)
        return (losses * plan.loss_factors if weighted else losses), counts
