"""What `fit` and its kin are given, made ready for Keras."""

import inspect
import numbers
import types
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
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
#: What Keras takes for rows, and not for a data set of batches.
_NO_BATCHES = (str, list, tuple, dict, np.ndarray)
#: The arguments that may be a data set.
_SOURCES = ("x", "validation_data")


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

    Those of a generator are checked as it yields them.

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
    for name in _SOURCES:
        if isinstance(arguments.get(name), types.GeneratorType):
            arguments[name] = _checked_batches(plan, arguments[name])


@contextmanager
def named_targets(plan: StepPlan | None, arguments: dict[str, Any]) -> Iterator[None]:
    """Say which task's targets make a data set fail, where Keras names a dtype alone.

    Args:
        plan: Of the model; None where no task has a loss.
        arguments: Of `fit` or `evaluate`.

    Raises:
        UserError: In place of another error, if targets of a first batch are wrong.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if plan is None:
            raise
        for name in _SOURCES:
            try:
                _check_batch(plan, _first_batch(arguments.get(name)))
            except UserError as reason:
                raise reason from error
        raise


def _checked_batches(plan: StepPlan, batches: Iterator[Any]) -> Iterator[Any]:
    for batch in batches:
        _check_batch(plan, batch)
        yield batch


def _first_batch(data: Any) -> Any:
    """Return the first batch of a data set, or None for anything else."""
    if isinstance(data, keras.utils.PyDataset):
        return data[0]
    # An iterator is past its first batch.
    if isinstance(data, Iterable) and not isinstance(data, (*_NO_BATCHES, Iterator)):
        return next(iter(data), None)
    return None


def _check_batch(plan: StepPlan, batch: Any) -> None:
    """Check the targets of `(x, y)` or `(x, y, sample_weight)`."""
    if isinstance(batch, (list, tuple)) and len(batch) in (2, 3):
        _check_targets(plan, _with_lists_as_arrays(batch[1]))


def _with_lists_as_arrays(y: Any) -> Any:
    """Return targets in which lists of numbers or text, and tensors of it, are arrays.

    Keras would take each of these numbers for a target.
    """
    if isinstance(y, dict):
        return {key: _with_lists_as_arrays(value) for key, value in y.items()}
    if isinstance(y, (list, tuple)):
        if y and all(isinstance(v, (numbers.Real, str, bytes)) for v in y):
            return np.asarray(y)
        parts = map(_with_lists_as_arrays, y)
        return type(y)(*parts) if hasattr(y, "_fields") else type(y)(parts)
    return np.asarray(y) if "string" in str(getattr(y, "dtype", "")) else y


def ready_targets(plan: StepPlan, y: Any) -> Any:
    """Return targets that Keras can cut into batches.

    Args:
        plan: Of the model.
        y: Targets in any form of `targets_by_task`; or a table with a column for each
            task, such as a pandas or polars frame. Arrays may be series, or lists of
            numbers.

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
        elif plan.num_tasks > 1 or set(found) & set(plan.outputs):
            raise UserError(
                f'The table of targets has no column for task "{missing[0]}"; found '
                f"{listed(map(str, found))}."
            )
    y = keras.tree.map_structure(_array, _with_lists_as_arrays(y))
    _check_targets(plan, y)
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
        try:
            return values.to_numpy(dtype="float64", na_value=np.nan)
        except (TypeError, ValueError):
            # Text, which is refused with the name of its task.
            return array
    return array


def _check_targets(plan: StepPlan, y: Any) -> None:
    """Refuse targets in another form than that of tasks, or wrong for their losses."""
    targets = targets_by_task(y, plan.outputs, plan.graph.tasks)
    for task, loss, units in zip(
        plan.graph.tasks, plan.losses, plan.units, strict=True
    ):
        _check(task, targets[task], loss, units)


def _check(task: str, y: Any, loss: LabeledLoss, units: int | None) -> None:
    """Refuse targets that are no numbers, or not in the range of the loss."""
    if not isinstance(y, np.ndarray) or not y.size:
        return
    if y.dtype.kind not in _NUMBERS:
        kind = "text" if y.dtype.kind in "US" else y.dtype.name
        (first,) = y.reshape(-1)[:1].tolist()
        raise UserError(
            f'The targets of task "{task}" must be numbers; found {kind} such '
            f"as {first!r}. For classes give their codes, for example "
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
