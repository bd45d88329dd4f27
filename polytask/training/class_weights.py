"""Weights of rows by the class of their label."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from polytask._types import Tensor
from polytask.errors import UserError, nearest
from polytask.training.batch import Batch
from polytask.training.step_plan import StepPlan

#: Task → class → weight.
ClassWeights = dict[str, dict[int, float]]


def class_weights_by_task(
    given: Any, outputs: Mapping[str, Tensor], needed: Sequence[str]
) -> ClassWeights:
    """Return `class_weight` by task.

    Args:
        given: Task → class → weight; for a single task the inner dict will do; or None.
        outputs: Task → its output, for all tasks of the model.
        needed: The tasks that have a loss.

    Raises:
        UserError: If a task is unknown or has several labels a row, or the form is
            another.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UserError(
            "class_weight must be a dict {task: {class: weight}}; found "
            f"{type(given).__name__}."
        )
    flat = all(isinstance(value, numbers.Real) for value in given.values())
    if flat and len(needed) == 1:
        given = {needed[0]: given}
    weights: ClassWeights = {}
    for task, of_classes in given.items():
        if task not in needed:
            known = "has no loss" if task in outputs else "is unknown"
            raise UserError(
                f'class_weight names task "{task}", which {known}.'
                f"{nearest(str(task), needed)} It is a dict {{task: {{class: weight}}}}"
                f" with the tasks {', '.join(needed)}."
            )
        if len(outputs[task].shape) > 2:
            raise UserError(
                f'class_weight weighs rows, each of one class, but task "{task}" has '
                f"outputs of shape {tuple(outputs[task].shape)}. Give sample_weight a "
                "weight for each place."
            )
        if not isinstance(of_classes, Mapping):
            raise UserError(
                f'class_weight of task "{task}" must be a dict {{class: weight}}; '
                f"found {of_classes!r}."
            )
        for code, weight in of_classes.items():
            numeric = all(isinstance(n, numbers.Real) for n in (code, weight))
            if not numeric or code != int(code) or not 0 <= weight < float("inf"):
                raise UserError(
                    f'class_weight of task "{task}" maps codes of classes, whole '
                    f"numbers, to weights of at least 0; found {code!r}: {weight!r}."
                )
        weights[task] = {int(c): float(weight) for c, weight in of_classes.items()}
    return weights


def weighed_by_class(plan: StepPlan, batch: Batch) -> Batch:
    """Return a batch whose sample weights are multiplied by those of the classes.

    Args:
        plan: The step's plan.
        batch: The rows.
    """
    if not plan.class_weights:
        return batch
    weights = dict(batch.sample_weight)
    for task, of_classes in plan.class_weights.items():
        own = row_weights_of_classes(batch.y[task], of_classes)
        known = weights.get(task)
        if known is not None:
            known = ops.cast(known, "float32")
            own = ops.reshape(own, (-1,) + (1,) * (len(known.shape) - 1)) * known
        weights[task] = own
    return batch._replace(sample_weight=weights)


def row_weights_of_classes(y: Any, of_classes: Mapping[int, float]) -> Tensor:
    """Return one weight for each row; 1 for a class that is not named, as in Keras.

    Args:
        y: Codes of classes, as (rows,) or (rows, 1), or one-hot (rows, classes).
        of_classes: Class → weight.

    Returns:
        (rows,) float32.

    Example:
        >>> import numpy as np
        >>> weights = row_weights_of_classes(np.array([0, 2, 2]), {2: 5.0})
        >>> keras.ops.convert_to_numpy(weights).tolist()
        [1.0, 5.0, 5.0]
    """
    y = ops.convert_to_tensor(y)
    if len(y.shape) > 1 and y.shape[-1] != 1:
        y = ops.argmax(y, axis=-1)
    y = ops.reshape(y, (-1,))
    codes = ops.round(ops.cast(y, keras.config.floatx()))
    weights = ops.ones_like(codes)
    for code, weight in of_classes.items():
        weights = ops.where(codes == code, weight, weights)
    return ops.cast(weights, "float32")
