"""Checks that tasks declared calibrated are not trained to other probabilities."""

from collections.abc import Mapping
from typing import Any

import keras

from polytask._keras_private import origin
from polytask.errors import UserError
from polytask.losses import RegularizedCrossentropy
from polytask.training.task_graph import end_of_task

# Arguments of losses, of Keras and of polytask, that change what probabilities mean.
_BENDING = ("label_smoothing", "focusing", "confidence_penalty")
_FOCAL = (
    keras.losses.BinaryFocalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
)


def check_calibrated(
    model: Any, losses: Mapping[str, keras.losses.Loss], mixup: Any
) -> None:
    """Refuse what makes the probabilities of a calibrated task others.

    Args:
        model: The model.
        losses: Task → loss.
        mixup: How rows are mixed, or None.

    Raises:
        UserError: If a task that ends in `polytask.layers.Calibrated` is given it.
    """
    for task, loss in losses.items():
        layer = origin(end_of_task(model.task_outputs[task])).operation
        if not getattr(layer, "calibrated", False):
            continue
        found = "mixup" if mixup is not None else _bending(loss)
        if found:
            raise UserError(
                f'"{task}" is declared calibrated, but {found} trains it to other '
                "probabilities. Do without, or take polytask.layers.Calibrated away."
            )


def _bending(loss: keras.losses.Loss) -> str:
    """Return what of a loss makes probabilities others, or ""."""
    if isinstance(loss, _FOCAL):
        return type(loss).__name__
    if not isinstance(
        loss,
        (
            RegularizedCrossentropy,
            keras.losses.BinaryCrossentropy,
            keras.losses.CategoricalCrossentropy,
        ),
    ):
        return ""
    config = loss.get_config()
    return next((name for name in _BENDING if config.get(name)), "")
