"""A metric of one task, computed over its labeled rows."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from polytask.errors import UserError
from polytask.training.labeled_loss import SPARSE_CROSSENTROPIES, function_of
from polytask.training.labels import MASK_VALUE, labeled, row_weights

_ONE_HOT = (
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
    keras.losses.CategoricalHinge,
    keras.losses.categorical_crossentropy,
    keras.losses.categorical_focal_crossentropy,
    keras.losses.categorical_hinge,
)


class LabeledMean(keras.metrics.Mean):
    """The mean of a task's losses: NaN, and not 0, where no row had a label."""

    def result(self) -> Any:
        """Return the mean over all rows so far."""
        # Keras's own division makes 0 of 0 / 0.
        return ops.divide(self.total, ops.cast(self.count, self.dtype))


class LabeledMetric(keras.metrics.Metric):
    """A Keras metric that leaves out the rows without a label.

    Where no row had a label a mean is NaN, and not the 0 that it started from.

    Args:
        metric: The metric that is computed.
        use_sample_weight: Whether the user's `sample_weight` applies, as in
            `weighted_metrics`. A weight of 0 marks a missing label in either case.
        mask_value: The integer that marks a missing label. Default: -1.
    """

    def __init__(
        self,
        metric: keras.metrics.Metric,
        use_sample_weight: bool = False,
        mask_value: int = MASK_VALUE,
    ) -> None:
        super().__init__(name=metric.name)
        self.metric = metric
        self.use_sample_weight = use_sample_weight
        self.mask_value = mask_value

    @property
    def _direction(self) -> str | None:
        """Whether `EarlyStopping` and its kin look for high values ("up") or low."""
        return getattr(self.metric, "_direction", None)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch: arguments as in `keras.metrics.Metric`."""
        mask, y_true = labeled(y_true, self.mask_value)
        rank = min(len(mask.shape), max(1, len(y_pred.shape) - 1))
        weights = row_weights(mask, sample_weight, None, tuple(mask.shape[:rank]))
        if not self.use_sample_weight:
            weights = ops.cast(ops.not_equal(weights, 0.0), "float32")
        self.metric.update_state(y_true, y_pred, sample_weight=weights)

    def result(self) -> Any:
        """Return the metric over all labeled rows so far."""
        result = self.metric.result()
        if not isinstance(self.metric, keras.metrics.Mean):
            return result
        return ops.where(ops.equal(self.metric.count, 0), float("nan"), result)

    def reset_state(self) -> None:
        """Forget all rows."""
        self.metric.reset_state()


class FunctionMetric(keras.metrics.Mean):
    """The mean of a plain function over rows or, where it returns one number, batches.

    One number for a batch cannot leave out the rows without a label: where there are
    some, it is NaN.

    Args:
        function: `(y_true, y_pred) -> value of each row`, or of the batch.
        name: Name of the metric. Default: that of the function.
    """

    def __init__(
        self, function: Callable[[Any, Any], Any], name: str | None = None
    ) -> None:
        super().__init__(name=name or getattr(function, "__name__", "metric"))
        self.function = function

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch: arguments as in `keras.metrics.Metric`."""
        values = ops.convert_to_tensor(self.function(y_true, y_pred), self.dtype)
        if len(values.shape) == 0 and sample_weight is not None:
            complete = ops.all(ops.not_equal(sample_weight, 0.0))
            values, sample_weight = ops.where(complete, values, float("nan")), None
        super().update_state(values, sample_weight)


def resolve_metric(identifier: Any, task: str, loss: Any, units: int | None) -> Any:
    """Return the metric object for what a user passed to `compile`.

    Keras reads the meaning of `"accuracy"` off the shapes of the first batch; here
    it follows from the loss, which says whether the labels are codes or one-hot.

    Args:
        identifier: A metric, a function, or a name such as `"accuracy"`.
        task: Name of the task, for messages.
        loss: The loss of the task.
        units: Size of the last axis of the task's output.

    Returns:
        A `keras.metrics.Metric`.

    Raises:
        UserError: If `"accuracy"` or `"crossentropy"` is ambiguous for the loss.
    """
    if isinstance(identifier, keras.metrics.Metric):
        return identifier
    if identifier in ("accuracy", "acc", "crossentropy", "ce"):
        kind = _label_kind(identifier, task, loss, units)
        family = {
            ("a", "binary"): keras.metrics.BinaryAccuracy,
            ("a", "sparse"): keras.metrics.SparseCategoricalAccuracy,
            ("a", "one-hot"): keras.metrics.CategoricalAccuracy,
            ("c", "binary"): keras.metrics.BinaryCrossentropy,
            ("c", "sparse"): keras.metrics.SparseCategoricalCrossentropy,
            ("c", "one-hot"): keras.metrics.CategoricalCrossentropy,
        }[identifier[0], kind]
        return family(name=identifier)
    metric = keras.metrics.get(identifier)
    name = identifier if isinstance(identifier, str) else None
    if isinstance(metric, keras.metrics.Metric):
        config = metric.get_config()
        return type(metric).from_config({**config, "name": name}) if name else metric
    return FunctionMetric(metric, name)


def _label_kind(identifier: str, task: str, loss: Any, units: int | None) -> str:
    known = function_of(loss)
    if known in SPARSE_CROSSENTROPIES:
        return "sparse"
    if known in _ONE_HOT:
        return "one-hot"
    if units == 1:
        return "binary"
    raise UserError(
        f'Metric "{identifier}" of task "{task}" is ambiguous: its loss does not say '
        "whether labels are codes or one-hot. Pass the metric's class, such as "
        "keras.metrics.CategoricalAccuracy()."
    )
