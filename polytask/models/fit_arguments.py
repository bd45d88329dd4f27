"""What `fit` and its kin are given, made ready for Keras."""

import inspect
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from polytask.errors import UserError, listed
from polytask.training.labeled_loss import (
    BINARY_CROSSENTROPIES,
    SPARSE_CROSSENTROPIES,
    LabeledLoss,
    function_of,
)
from polytask.training.step_plan import StepPlan
from polytask.training.targets import targets_by_task

#: The kinds of NumPy's dtypes that hold numbers: bool, integers and floats.
_NUMBERS = "biuf"


def named_arguments(
    method: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a method by name.

    Args:
        method: A method of the model.
        args: Positional arguments.
        kwargs: Keyword arguments.
    """
    arguments = inspect.signature(method).bind(*args, **kwargs).arguments
    return {**arguments.pop("kwargs", {}), **arguments}


def make_ready(plan: StepPlan, arguments: dict[str, Any]) -> None:
    """Check the targets among some arguments, and bring tables into a form of Keras.

    Args:
        plan: Of the model.
        arguments: Of `fit`, `evaluate`, `train_on_batch` or `test_on_batch`; changed.

    Raises:
        UserError: If targets are missing, are no numbers, or cannot be those of the
            task's loss.
    """
    if arguments.get("y") is not None:
        arguments["y"] = ready_targets(plan, arguments["y"])
        weight = arguments.get("sample_weight")
        arguments["sample_weight"] = ready_weights(plan, arguments["y"], weight)
    validation = arguments.get("validation_data")
    if isinstance(validation, (list, tuple)) and len(validation) in (2, 3):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(tuple(validation))
        y = ready_targets(plan, y)
        packed = (x, y, ready_weights(plan, y, weight))
        arguments["validation_data"] = packed[: len(validation)]


def ready_targets(plan: StepPlan, y: Any) -> Any:
    """Return targets that Keras can cut into batches.

    Args:
        plan: Of the model.
        y: Targets in any form of `targets_by_task`; or a table with a column for each
            task, such as a pandas or polars frame. Arrays may be series.

    Returns:
        The same structure with arrays; a dict for a table.

    Raises:
        UserError: See `make_ready`.
    """
    columns = getattr(y, "columns", None)
    if columns is not None and hasattr(y, "to_numpy"):
        found = list(columns)
        missing = [task for task in plan.graph.tasks if task not in found]
        if not missing:
            y = {task: y[task] for task in plan.outputs if task in found}
        elif plan.num_tasks > 1:
            raise UserError(
                f'The table of targets has no column for task "{missing[0]}"; found '
                f"{listed(map(str, found))}."
            )
    y = keras.tree.map_structure(_array, y)
    targets = targets_by_task(y, plan.outputs, plan.graph.tasks)
    for task, loss, units in zip(
        plan.graph.tasks, plan.losses, plan.units, strict=True
    ):
        _check(task, targets[task], loss, units)
    return y


def ready_weights(plan: StepPlan, y: Any, sample_weight: Any) -> Any:
    """Return sample weights in the structure of the targets, which Keras asks for.

    Args:
        plan: Of the model.
        y: The targets.
        sample_weight: A dict by task, of some tasks only, where it is a dict.
    """
    sample_weight = keras.tree.map_structure(_array, sample_weight)
    if not isinstance(sample_weight, dict):
        return sample_weight
    unknown = [task for task in sample_weight if task not in plan.outputs]
    if unknown:
        raise UserError(
            f'sample_weight names the unknown task "{unknown[0]}". Tasks: '
            f"{', '.join(plan.outputs)}."
        )
    if isinstance(y, dict):
        return {task: sample_weight.get(task) for task in y}
    if not isinstance(y, (list, tuple)):
        return sample_weight.get(plan.graph.tasks[0])
    order = plan.outputs if len(y) == len(plan.outputs) else plan.graph.tasks
    return type(y)(sample_weight.get(task) for task in order)


def _array(values: Any) -> Any:
    """Return the array of a series; anything else as it is."""
    if not hasattr(values, "to_numpy"):
        return values
    array = values.to_numpy()
    if array.dtype == object and hasattr(getattr(values, "dtype", None), "na_value"):
        # Integers that may be missing.
        array = values.to_numpy(dtype="float64", na_value=np.nan)
    return array


def _check(task: str, y: Any, loss: LabeledLoss, units: int | None) -> None:
    """Refuse targets that are no numbers, or not in the range of the loss."""
    if not isinstance(y, np.ndarray) or not y.size:
        return
    if y.dtype.kind not in _NUMBERS:
        raise UserError(
            f'The targets of task "{task}" must be numbers; found {y.dtype.name} such '
            f"as {y.flat[0]!r}. For classes give their codes, for example "
            "numpy.unique(y, return_inverse=True)[1]."
        )
    function = function_of(loss.loss)
    binary = function in BINARY_CROSSENTROPIES
    if not binary and not (function in SPARSE_CROSSENTROPIES and units):
        return
    labels = y[~np.isnan(y)] if y.dtype.kind == "f" else y[y != loss.mask_value]
    ignored = getattr(loss.loss, "ignore_class", None)
    labels = labels if ignored is None else labels[labels != ignored]
    if not labels.size:
        return
    low, high = float(labels.min()), float(labels.max())
    most = 1 if binary or units is None else units - 1
    if low < 0 or high > most:
        kind = "binary" if binary else "sparse categorical"
        cure = f"Subtract {low:g}" if 0 < low == high - most else "Give codes from 0 on"
        raise UserError(
            f'The targets of task "{task}" lie between {low:g} and {high:g}, but '
            f"{kind} cross-entropy takes 0 to {most}. {cure}; a missing label is NaN "
            f"or, among integers, {loss.mask_value}."
        )
