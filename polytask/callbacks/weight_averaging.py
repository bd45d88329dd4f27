"""The mean of the weights of several epochs, with statistics that fit it."""

import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask.errors import UserError
from polytask.models.recompute_statistics import (
    recompute_statistics,
    statistics_layers,
)
from polytask.optimizers import MultiTaskOptimizer


class StochasticWeightAveraging(keras.callbacks.Callback):
    """Ends the training with the mean of the weights of its last epochs: SWA.

    The mean lies in a wider minimum than the last weights. It has no batch statistics
    of its own, so these are computed from the training rows (see
    `polytask.recompute_statistics`). A weight that a penalty or pruning set to zero, as
    of the last step, is zero in the mean as well; else the mean of sparse weights, most
    of which were not zero in some epoch, would not be sparse.

    The validation values in the history are those of the weights of each epoch. Put it
    after callbacks that restore weights when training ends.

    Args:
        data: Training rows for the batch statistics, as for
            `polytask.recompute_statistics`. Needed only if the model has batch
            normalization.
        start: First averaged epoch: a share of all epochs below 1, or a number of
            epochs that come before. Default: 0.75.
        batch_size: Rows of a batch of `data`. Default: 256.

    Raises:
        UserError: If `start` or `batch_size` is out of range, or, when training begins,
            the model has batch normalization and no data are given, or its optimizer
            averages weights as well.

    Source:
        Izmailov, Podoprikhin, Garipov, Vetrov and Wilson, "Averaging Weights Leads to
        Wider Optima and Better Generalization", UAI 2018.

    Example:
        >>> callback = StochasticWeightAveraging(start=0.5)
    """

    def __init__(
        self, data: Any = None, start: float = 0.75, batch_size: int = 256
    ) -> None:
        super().__init__()
        self.data = data
        owner = "StochasticWeightAveraging"
        self.start = checked_number(start, "start", owner, at_least=0.0)
        self.batch_size = checked_count(batch_size, "batch_size", owner)
        self.averaged = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check the model, and forget an earlier `fit`."""
        if self.data is None and statistics_layers(self.model):
            raise UserError(
                "StochasticWeightAveraging needs the training rows, data=x, for the "
                "statistics of the model's batch normalization."
            )
        if _innermost(self.model.optimizer).use_ema:
            raise UserError(
                "StochasticWeightAveraging replaces the weights when training ends; so "
                "does the optimizer with use_ema=True. Use one of them."
            )
        self.averaged = 0
        self._means: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the weights of an epoch to the mean."""
        epochs = self.params["epochs"]
        first = int(self.start * epochs) if self.start < 1 else int(self.start)
        if epoch < first:
            return
        values = [ops.convert_to_numpy(v) for v in self.model.trainable_variables]
        self.averaged += 1
        if not self._means:
            self._means = [np.zeros(value.shape) for value in values]
        for mean, value in zip(self._means, values, strict=True):
            mean += (value - mean) / self.averaged

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Give the model the mean and the statistics that belong to it."""
        if not self.averaged:
            warnings.warn(
                "Training ended before the first epoch that StochasticWeightAveraging "
                f"averages (start={self.start:g}); the weights are those of the last.",
                stacklevel=2,
            )
            return
        sparse = _sparse_variables(self.model)
        for variable, mean in zip(
            self.model.trainable_variables, self._means, strict=True
        ):
            if id(variable) in sparse:
                mean = np.where(ops.convert_to_numpy(variable) == 0, 0.0, mean)
            variable.assign(mean.astype("float32"))
        if self.data is not None:
            recompute_statistics(self.model, self.data, self.batch_size)


class RecomputeStatistics(keras.callbacks.Callback):
    """Computes the batch statistics anew when training ends.

    For an optimizer with `use_ema=True`, whose averaged weights otherwise meet the
    statistics of the last ones, and for batch normalization behind dropout, whose
    statistics include a noise that inference has not.

    Args:
        data: Training rows, as for `polytask.recompute_statistics`.
        batch_size: Rows of a batch of `data`. Default: 256.

    Source:
        Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021.

    Example:
        >>> import numpy as np
        >>> callback = RecomputeStatistics(np.ones((8, 2)))
    """

    def __init__(self, data: Any, batch_size: int = 256) -> None:
        super().__init__()
        self.data = data
        self.batch_size = checked_count(batch_size, "batch_size", "RecomputeStatistics")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Compute the statistics."""
        recompute_statistics(self.model, self.data, self.batch_size)


def _innermost(optimizer: Any) -> Any:
    """Return the optimizer that makes the step, out of its wrappers."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer


def _sparse_variables(model: Any) -> set[int]:
    """Return the ids of the variables in which zeros are meant."""
    optimizer = model.optimizer
    while not isinstance(optimizer, MultiTaskOptimizer):
        if not hasattr(optimizer, "inner_optimizer"):
            return set()
        optimizer = optimizer.inner_optimizer
    plan = model.step_plan
    return {id(v) for v in model.trainable_variables if plan.keeps_zeros(v)}
