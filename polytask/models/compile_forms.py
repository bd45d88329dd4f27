"""The forms in which `compile` takes something for each task."""

import math
import numbers
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from polytask.errors import UserError, nearest
from polytask.knob import Knob
from polytask.models.labeled_metric import LabeledMetric, resolve_metric
from polytask.training.labeled_loss import SummedLoss, resolve_loss
from polytask.training.outputs import Path, output_paths


def losses_by_task(model: Any, loss: Any) -> dict[str, keras.losses.Loss]:
    """Return the loss of each task that has one, in task order.

    Args:
        model: The model.
        loss: What `compile` was given.

    Raises:
        UserError: If a task is unknown, or a loss is over several outputs.
    """
    names = model.task_names
    _refuse_loss_of_several(loss, model.output)
    entries = per_task("loss", loss, model, spread=True)
    losses = {}
    for task, entry in entries.items():
        several = entry if isinstance(entry, (list, tuple)) else [entry]
        try:
            parts = [resolve_loss(one) for one in several if one is not None]
        except ValueError as error:
            raise UserError(f'The loss of task "{task}" is unknown: {error}') from error
        if parts:
            losses[task] = parts[0] if len(parts) == 1 else SummedLoss(parts)
    forgotten = [task for task in names if task not in entries]
    if losses and forgotten:
        warnings.warn(
            f'Task "{forgotten[0]}" has no loss and is not trained. Add it to loss, or '
            f'write loss={{"{forgotten[0]}": None, ...}} if that is meant.',
            stacklevel=4,
        )
    return {task: losses[task] for task in names if task in losses}


def _refuse_loss_of_several(loss: Any, output: Any) -> None:
    """Refuse a list of a loss over all outputs together and a structure of losses.

    Raises:
        UserError: If that is what `loss` is; it names the loss.
    """
    if not isinstance(loss, (list, tuple)) or isinstance(output, type(loss)):
        return
    alone = [entry for entry in loss if callable(entry)]
    if alone and any(isinstance(entry, type(output)) for entry in loss):
        name = getattr(alone[0], "__name__", type(alone[0]).__name__)
        raise UserError(
            f'The loss "{name}" is over the whole structure of outputs and belongs to '
            "no task. Give each task a loss of its own, in a dict by task."
        )


def loss_weights_by_task(
    model: Any, loss_weights: Any, trained: list[str]
) -> dict[str, float | Knob]:
    """Return the factor of each task's loss, 1 where none is given.

    Args:
        model: The model.
        loss_weights: What `compile` was given.
        trained: The tasks that have a loss.

    Raises:
        UserError: If a task is unknown, or the form is none of those accepted.
    """
    if isinstance(loss_weights, (list, tuple)) and len(loss_weights) == len(trained):
        loss_weights = dict(zip(trained, loss_weights, strict=True))
    one = len(trained) == 1
    factors = per_task("loss_weights", loss_weights, model, spread=one)
    weights = {}
    for task in trained:
        factor = factors.get(task)
        factor = 1.0 if factor is None else factor
        real = isinstance(factor, numbers.Real) and math.isfinite(factor)
        if not (real or isinstance(factor, Knob)):
            raise UserError(
                f'loss_weights must be a number for each task; task "{task}" has '
                f"{factor!r}."
            )
        weights[task] = factor if isinstance(factor, Knob) else float(factor)
    return weights


def metrics_by_task(
    model: Any,
    losses: dict[str, keras.losses.Loss],
    mask_value: int,
    metrics: Any,
    weighted_metrics: Any,
) -> dict[str, list[LabeledMetric]]:
    """Return the metrics of each task that has some.

    Args:
        model: The model.
        losses: Task → loss.
        mask_value: The integer that marks a missing label.
        metrics: What `compile` was given.
        weighted_metrics: What `compile` was given.

    Raises:
        UserError: If a task is unknown or has no loss.
    """
    outputs = model.task_outputs
    collected: dict[str, list[LabeledMetric]] = {}
    taken: set[int] = set()
    for argument, given, weighted in (
        ("metrics", metrics, False),
        ("weighted_metrics", weighted_metrics, True),
    ):
        if _applies_to_all(given, len(outputs)):
            given = dict.fromkeys(outputs, given)
        for task, entry in per_task(argument, given, model, spread=True).items():
            if entry is None:
                continue
            if task not in losses:
                raise UserError(
                    f'{argument} are given for task "{task}", which has no loss.'
                )
            units = outputs[task].shape[-1]
            for metric in entry if isinstance(entry, (list, tuple)) else [entry]:
                metric = _unshared(metric, taken)
                try:
                    resolved = resolve_metric(metric, task, losses[task], units)
                except UserError:
                    raise
                except ValueError as error:
                    raise UserError(
                        f'A metric of task "{task}" is unknown: {error}'
                    ) from error
                labeled = LabeledMetric(resolved, weighted, mask_value)
                collected.setdefault(task, []).append(labeled)
    return collected


def _applies_to_all(metrics: Any, tasks: int) -> bool:
    """Return whether a list holds metrics of every task, not an entry for each."""
    if not isinstance(metrics, (list, tuple)):
        return False
    flat = not any(isinstance(m, (list, tuple)) or m is None for m in metrics)
    return flat and (tasks == 1 or len(metrics) != tasks)


def _unshared(metric: Any, taken: set[int]) -> Any:
    """Return a metric, or a copy where another task has it: it sums over rows.

    Args:
        metric: What `compile` was given.
        taken: The ids of the metrics that are in use; changed.
    """
    if not isinstance(metric, keras.metrics.Metric):
        return metric
    if id(metric) in taken:
        return type(metric).from_config(metric.get_config())
    taken.add(id(metric))
    return metric


def per_task(argument: str, given: Any, model: Any, spread: bool) -> dict[str, Any]:
    """Return a dict by task for an argument of `compile`.

    Args:
        argument: Its name, for messages.
        given: A dict by task, a list in task order, the structure of the model's
            outputs, one value, or None.
        model: The model.
        spread: Whether one value stands for all tasks.

    Returns:
        Task → value; empty for None.

    Raises:
        UserError: If a task is unknown, or the form is not one of these.
    """
    paths = output_paths(model.output)
    tasks = list(paths.values())
    if given is None:
        return {}
    if isinstance(given, (list, tuple)) and len(given) == len(tasks):
        return dict(zip(tasks, given, strict=True))
    if isinstance(given, dict):
        # A task of any structure may be called by its name.
        nested = {path: task for path, task in paths.items() if path}
        places = {(task,): task for task in tasks} | nested
        return dict(_entries(argument, given, places, ()))
    if spread and not isinstance(given, (list, tuple)):
        return dict.fromkeys(tasks, given)
    if isinstance(given, (list, tuple)) and spread and len(given) == 1 == len(tasks):
        return {tasks[0]: given[0]}
    raise UserError(
        f"{argument} must be a dict by task, or a list with one entry for each of "
        f"{', '.join(tasks)}; found {given!r}."
    )


def _entries(
    argument: str, given: Any, places: dict[Path, str], path: Path
) -> Iterator[tuple[str, Any]]:
    """Yield the tasks within a structure with their entries."""
    if path in places:
        yield places[path], given
        return
    within = [p for p in places if p[: len(path)] == path]
    tasks = list(dict.fromkeys(places.values()))
    if not within:
        name = "/".join(map(str, path))
        raise UserError(
            f'{argument} names the unknown task "{name}".{nearest(name, tasks)} '
            f"Tasks: {', '.join(tasks)}."
        )
    if given is None:
        return
    keys = {p[len(path)] for p in within}
    if isinstance(given, (list, tuple)) and keys == set(range(len(given))):
        given = dict(enumerate(given))
    if not isinstance(given, dict):
        raise UserError(
            f'{argument} has an entry for "{"/".join(map(str, path))}" as a whole, '
            f"which holds the tasks {', '.join(places[p] for p in within)}; found "
            f"{given!r}. Give each task its own, in a dict by task."
        )
    for key, entry in given.items():
        yield from _entries(argument, entry, places, (*path, key))
