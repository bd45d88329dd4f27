"""Train one model and evaluate it, once, on every split."""

import functools
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import keras
import numpy as np

from polytask.callbacks import ConflictMonitor, RecomputeStatistics
from polytask.errors import UserError
from polytask.lab.kinds import Task, is_labeled
from polytask.lab.metrics import evaluate
from polytask.lab.reliability import reliability
from polytask.lab.studies.batches import Batches
from polytask.lab.studies.calibration import (
    can_be_calibrated,
    sharpen_head,
    sharpened,
    sharpness,
)
from polytask.lab.studies.compiled import OF_CLASSES, Beginning, compiled
from polytask.lab.studies.epoch_selection import EpochSelection, OnEpoch
from polytask.lab.studies.network import task_head
from polytask.lab.studies.predictor import Predictor
from polytask.lab.studies.reading import refuse_unknown_tasks
from polytask.lab.studies.study import Variant
from polytask.lab.studies.training_regularizers import training_callbacks
from polytask.lab.tables import Dataset, Split
from polytask.models import MultiTaskModel
from polytask.models.initial_values import begin_with
from polytask.optimizers.gradient_summary import GradientSummary
from polytask.training.freed_memory import keep_freed_memory
from polytask_options import Budget, Network, Settings

# A watched epoch looks at so many steps, where the balancer does not look at all.
LOOKS = 4


class Evaluation(NamedTuple):
    """What a model reaches on the rows of some splits.

    Args:
        scores: Rows (task, split, metric, value or None).
        missing: Rows (task, split, metric, reason) of undefined metrics.
        reliability: Rows (task, bin, rows, predicted, observed) of the test rows of
            tasks with classes, see `polytask.lab.reliability`.
    """

    scores: list[tuple[str, str, str, float | None]]
    missing: list[tuple[str, str, str, str]]
    reliability: list[tuple[str, int, float, float, float]]


@dataclass(frozen=True)
class Trained:
    """A trained model with everything that was measured.

    Args:
        model: With the weights of the best epoch.
        criterion: The validation criterion of that epoch, see `EpochSelection`.
        best_epoch: Counted from 1.
        epochs: Epochs that were trained.
        seconds: Wall-clock time of the training.
        reached: What it reaches on training, validation and test rows.
        history: Rows (task, epoch, split, metric, value or None).
        gradients: Rows (epoch, task, other task, quantity, value or None): for each
            epoch `"conflict"` once, with neither task; `"weight"` and
            `"gradient_norm"` for each task; `"cosine"` for each pair. Empty if the
            gradients were not watched.
        relative: For each epoch the tasks' relative validation losses, see
            `EpochSelection`.
        validated: Task → predictions on validation rows, of the network that was
            chosen by them.
    """

    model: MultiTaskModel
    criterion: float
    best_epoch: int
    epochs: int
    seconds: float
    reached: Evaluation
    history: list[tuple[str, int, str, str, float | None]]
    gradients: list[tuple[int, str, str, str, float | None]]
    relative: list[list[float]] = field(default_factory=list)
    validated: dict[str, np.ndarray] = field(default_factory=dict)


def train(
    dataset: Dataset,
    tasks: tuple[Task, ...],
    network: Network,
    budget: Budget,
    settings: Settings,
    seed: int,
    on_epoch: OnEpoch | None = None,
    watch_gradients: bool = False,
    leaves: Callable[[EpochSelection], bool] | None = None,
    evaluates: bool = True,
) -> Trained:
    """Train one network on some of the data set's tasks.

    The epoch with the best validation criterion is kept, then training, validation
    and test rows are evaluated once. With `budget.refit` the network is then trained
    anew on training and validation rows, for as many epochs; the validation scores are
    those of before, the others and the model those of after. With `budget.calibrate`
    the logits of classes are scaled as suits the validation rows.

    The seed fixes initial weights, batches and dropout: the same call on the same
    machine and backend gives the same result.

    Args:
        dataset: The rows.
        tasks: The tasks to train on; one alone gives a single-task baseline.
        network: Widths and activation.
        budget: Epochs, batch size, learning rate, patience.
        settings: The regularization.
        seed: Of everything random.
        on_epoch: Called with the number of each finished epoch.
        watch_gradients: Whether to record how the tasks' gradients conflict, where
            there are several tasks; see `polytask.callbacks.ConflictMonitor`.
        leaves: Whether training ends after an epoch, as of `EpochSelection`.
        evaluates: Whether the kept model is evaluated. A trial of a search is not: its
            criterion is all that is asked for, and test rows are for the winner.

    Returns:
        The model and its measurements.

    Raises:
        UserError: If the labels do not allow training.
    """
    start = time.perf_counter()
    teachers = {}
    if settings.distillation is not None and len(tasks) > 1:
        single = functools.partial(
            train, dataset, network=network, budget=budget, settings=settings.alone()
        )
        # As the study has them at this seed.
        teachers = {
            task.name: single(tasks=(task,), seed=seed, evaluates=False).model
            for task in tasks
        }
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    keep_freed_memory()
    columns = dataset.columns
    first = 0 if len(tasks) > 1 else dataset.tasks.index(tasks[0])
    model = compiled(
        tasks, dataset.train, columns, network, budget, settings, first, teachers
    )
    begin_with(model, seed)
    beginning = Beginning(model) if budget.refit else None
    ema = bool(settings.ema)
    selection = EpochSelection(dataset, tasks, budget.patience, on_epoch, ema, leaves)
    batches = Batches(dataset.train, tasks, budget.batch_size, seed)
    monitor = ConflictMonitor(every=max(1, len(batches) // LOOKS))
    watched = watch_gradients and len(tasks) > 1
    model.fit(
        batches,
        epochs=budget.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[
            selection,
            *training_callbacks(settings, len(tasks)),
            *([monitor] if watched else []),
        ],
    )
    selection.restore()
    chosen = Predictor(dataset.validation.x, tasks)(model)
    sharpnesses = _sharpnesses(tasks, dataset, chosen) if budget.calibrate else {}
    if beginning is not None:
        keras.utils.set_random_seed(seed)
        rows = _joined(dataset.train, dataset.validation)
        # The rate falls to zero over the chosen epochs, as it did over all of them.
        budget = replace(budget, epochs=selection.best_epoch)
        if not beginning.again(rows, network, budget):
            model = compiled(tasks, rows, columns, network, budget, settings, first)
            begin_with(model, seed)
        model.fit(
            Batches(rows, tasks, budget.batch_size, seed),
            epochs=budget.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[
                *training_callbacks(settings, len(tasks)),
                *([RecomputeStatistics(rows.x)] if ema else []),
            ],
        )
    for task, factor in sharpnesses.items():
        sharpen_head(task_head(model, dataset.tasks.index(task)), factor)
        chosen[task.name] = sharpened(chosen[task.name], factor)
    # Validation rows have trained a network that was refitted.
    splits = dataset.splits if evaluates else {}
    reached = evaluated(model, splits, tasks, {"validation": chosen})
    seconds = time.perf_counter() - start
    return Trained(
        model=model,
        criterion=selection.best,
        best_epoch=selection.best_epoch,
        epochs=selection.epochs,
        seconds=seconds,
        reached=reached,
        history=[(*row[:-1], or_none(row[-1])) for row in selection.history],
        gradients=gradient_rows(monitor.summaries, [task.name for task in tasks]),
        relative=selection.relative,
        validated=chosen,
    )


def _sharpnesses(
    tasks: tuple[Task, ...], dataset: Dataset, chosen: Mapping[str, np.ndarray]
) -> dict[Task, float]:
    """Return the factors that calibrate the tasks which have classes."""
    rows = dataset.validation
    return {
        task: sharpness(task, rows.y[task.name], chosen[task.name], rows.weights)
        for task in tasks
        if can_be_calibrated(task)
    }


def check_variants(
    variants: Iterable[Variant], dataset: Dataset, network: Network, budget: Budget
) -> None:
    """Refuse a variant whose network cannot be built, before anything is trained.

    Some options can be judged only beside the data: a penalty with an array of its own
    has to have the shape of the kernels, a structure the number of tasks.

    Args:
        variants: The variants.
        dataset: Gives tasks and number of features.
        network: Widths and activation.
        budget: Of the training.

    Raises:
        UserError: Naming the variant and what does not fit.
    """
    names = [task.name for task in dataset.tasks]
    for variant in variants:
        with warnings.catch_warnings():
            # Its training warns again.
            warnings.simplefilter("ignore")
            try:
                refuse_unknown_tasks(variant.settings, names)
                _check_losses(variant.settings, dataset.tasks)
                if variant.settings.task_early_stopping and budget.refit:
                    raise UserError(
                        "task_early_stopping watches validation rows, which refit = "
                        "true trains on; give one of them."
                    )
                if variant.settings.distillation and budget.refit:
                    raise UserError(
                        "distillation takes teachers that have not seen validation "
                        "rows, which refit = true trains on; give one of them."
                    )
                model = compiled(
                    dataset.tasks,
                    dataset.train,
                    dataset.columns,
                    network,
                    budget,
                    variant.settings,
                )
                for variable in model.trainable_variables:
                    if variable.regularizer is not None:
                        variable.regularizer(variable)
            except (TypeError, ValueError) as error:
                raise UserError(
                    f"The variant {variant.name} does not fit the data: {error}"
                ) from error


def _check_losses(settings: Settings, tasks: tuple[Task, ...]) -> None:
    """Refuse what is for tasks with classes where there are none."""
    with_classes = [task.name for task in tasks if task.rules.has_classes]
    for name in OF_CLASSES:
        value = getattr(settings, name)
        named = value if isinstance(value, Mapping) else {}
        wrong = [task for task in named if task not in with_classes]
        if wrong or (value and not with_classes):
            raise UserError(
                f"{name} is for tasks with classes"
                + (f"; {wrong[0]} has none." if wrong else ", and no task has any.")
            )


def _joined(*splits: Split) -> Split:
    labels = {t: np.concatenate([s.y[t] for s in splits]) for t in splits[0].y}
    weights = [s.weights for s in splits if s.weights is not None]
    return Split(
        np.concatenate([s.x for s in splits]),
        labels,
        np.concatenate(weights) if weights else None,
    )


def evaluated(
    model: keras.Model,
    splits: dict[str, Split],
    tasks: tuple[Task, ...],
    known: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> Evaluation:
    """Return what a model reaches on the rows of some splits.

    Args:
        model: The model.
        splits: The rows.
        tasks: The model's tasks.
        known: Split → predictions, where they are not the model's.
    """
    predictions = {
        name: (known or {}).get(name) or Predictor(split.x, tasks)(model)
        for name, split in splits.items()
    }
    return judged(predictions, splits, tasks)


def judged(
    predicted: Mapping[str, Mapping[str, np.ndarray]],
    splits: Mapping[str, Split],
    tasks: tuple[Task, ...],
) -> Evaluation:
    """Return how good predictions are.

    Args:
        predicted: Split → task → predictions.
        splits: The rows.
        tasks: The tasks.
    """
    scores, missing, bins = [], [], []
    for name, split in splits.items():
        predictions = predicted[name]
        for task in tasks:
            values, reasons = evaluate(
                task,
                split.y[task.name],
                predictions[task.name],
                weight=split.weights,
            )
            scores += [(task.name, name, m, or_none(v)) for m, v in values.items()]
            missing += [(task.name, name, m, reason) for m, reason in reasons.items()]
            if name == "test" and task.rules.has_classes:
                bins += _reliability(task, split, predictions[task.name])
    return Evaluation(scores, missing, bins)


def _reliability(
    task: Task, split: Split, p: np.ndarray
) -> list[tuple[str, int, float, float, float]]:
    y, weight = split.y[task.name], split.weights
    present = is_labeled(y)
    if not present.any():
        return []
    return [
        (task.name, one.place, one.rows, one.predicted, one.observed)
        for one in reliability(
            y[present], p[present], None if weight is None else weight[present]
        )
    ]


def gradient_rows(
    summaries: Sequence[GradientSummary], tasks: Sequence[str]
) -> list[tuple[int, str, str, str, float | None]]:
    """Return what a training recorded of its tasks' gradients; see `Trained`."""
    rows: list[tuple[int, str, str, str, float | None]] = []
    for epoch, summary in enumerate(summaries, start=1):
        rows.append((epoch, "", "", "conflict", or_none(summary.conflict)))
        for i, task in enumerate(tasks):
            rows.append((epoch, task, "", "weight", or_none(summary.weights[i])))
            rows.append((epoch, task, "", "gradient_norm", or_none(summary.norms[i])))
            rows += [
                (
                    epoch,
                    task,
                    tasks[j],
                    "cosine",
                    or_none(summary.cosines[i, j]),
                )
                for j in range(i + 1, len(tasks))
            ]
    return rows


def or_none(number: float) -> float | None:
    """Return a number, or None for NaN, which JSON does not have."""
    return None if math.isnan(number) else float(number)
