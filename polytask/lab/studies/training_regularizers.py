"""What of a variant's options acts in training beside the loss."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from polytask.callbacks import MaximumRoaming, TaskEarlyStopping
from polytask.errors import UserError
from polytask.lab.kinds import Task
from polytask.training.regularization import (
    SAM,
    VAT,
    AdaptiveClipping,
    Distillation,
    GradientNoise,
    InputGradientPenalty,
    JacobianPenalty,
    MagnitudePruning,
    MeanTeacher,
    PseudoLabels,
    RDrop,
    SelfPaced,
    TrainingRegularizer,
)
from polytask_options import Settings

# How many times a training prunes.
_PRUNINGS = 20

Teachers = Mapping[str, keras.Model]


def training_regularizers(
    settings: Settings,
    tasks: Sequence[Task],
    x: np.ndarray,
    teachers: Teachers,
    steps: int,
) -> list[TrainingRegularizer]:
    """Return the regularizers of the training, in the order in which they act.

    Args:
        settings: The options of the variant.
        tasks: The tasks to train on.
        x: The training rows (rows, features).
        teachers: Task → its own network, where the variant is taught.
        steps: The most updates of the training.
    """
    regularizers: list[TrainingRegularizer] = []
    if settings.self_paced is not None:
        paced = settings.self_paced
        last = max(1, round(paced["end"] * steps))
        regularizers.append(SelfPaced(paced["start"], last))
    if settings.r_drop:
        regularizers.append(RDrop(settings.r_drop))
    if settings.distillation is not None and teachers:
        options = dict(settings.distillation)
        annealed = steps if options.pop("annealing") else None
        regularizers.append(Distillation(teachers, annealing_steps=annealed, **options))
    if settings.mean_teacher is not None:
        regularizers.append(MeanTeacher(**settings.mean_teacher))
    classes = any(task.rules.has_classes for task in tasks)
    # The network of one task alone may have none.
    if settings.pseudo_labels is not None and (classes or len(tasks) > 1):
        regularizers.append(PseudoLabels(**settings.pseudo_labels))
    if settings.vat is not None:
        regularizers.append(VAT(**settings.vat, columns=_numbers(x, "vat")))
    if settings.input_gradient:
        columns = _numbers(x, "input_gradient")
        regularizers.append(InputGradientPenalty(settings.input_gradient, columns))
    if settings.jacobian:
        columns = _numbers(x, "jacobian")
        regularizers.append(JacobianPenalty(settings.jacobian, columns))
    if settings.sharpness is not None:
        regularizers.append(SAM(**settings.sharpness))
    if settings.adaptive_clipping:
        regularizers.append(AdaptiveClipping(settings.adaptive_clipping))
    if settings.pruning is not None:
        last = max(1, round(settings.pruning["end"] * steps))
        every = max(1, last // _PRUNINGS)
        regularizers.append(
            MagnitudePruning(
                settings.pruning["sparsity"], end=every * (last // every), every=every
            )
        )
    if settings.gradient_noise:
        regularizers.append(GradientNoise(settings.gradient_noise))
    return regularizers


def training_callbacks(
    settings: Settings, tasks: int
) -> list[keras.callbacks.Callback]:
    """Return what acts between the tasks after each epoch.

    Args:
        settings: The options of the variant.
        tasks: The number of tasks.
    """
    callbacks: list[keras.callbacks.Callback] = []
    if settings.task_early_stopping is not None and tasks > 1:
        callbacks.append(TaskEarlyStopping(**settings.task_early_stopping))
    if settings.roaming is not None and tasks > 1:
        callbacks.append(MaximumRoaming(settings.roaming["every"]))
    return callbacks


def _numbers(x: np.ndarray, option: str) -> list[int]:
    """Return the columns that say more than yes or no, which have a direction.

    Args:
        x: The training rows (rows, features).
        option: The option that moves them, for the message.
    """
    columns = [i for i, column in enumerate(x.T) if len(np.unique(column)) > 2]
    if not columns:
        raise UserError(f"{option} moves columns of numbers, and the table has none.")
    return columns
