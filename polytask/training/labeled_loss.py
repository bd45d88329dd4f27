"""The loss of one task, averaged over its labeled rows."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from polytask._keras_private import carried_mask
from polytask._types import Tensor
from polytask.errors import UserError
from polytask.training.labels import MASK_VALUE, labeled, row_weights

# Losses that are a mean over the last axis, whatever comes before it, and whose
# configuration says all of them: that of Huber leaves its delta out.
_ROWWISE = (
    keras.losses.LogCosh,
    keras.losses.MeanAbsoluteError,
    keras.losses.MeanSquaredError,
    keras.losses.log_cosh,
    keras.losses.mean_absolute_error,
    keras.losses.mean_squared_error,
)
_FROM_PROBABILITIES = (
    keras.losses.BinaryCrossentropy,
    keras.losses.binary_crossentropy,
)
#: Losses whose targets are between 0 and 1.
BINARY_CROSSENTROPIES = (
    *_FROM_PROBABILITIES,
    keras.losses.BinaryFocalCrossentropy,
    keras.losses.binary_focal_crossentropy,
)
#: Losses whose targets are codes of classes.
SPARSE_CROSSENTROPIES = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.sparse_categorical_crossentropy,
)
_REDUCTIONS = ("sum", "mean", "sum_over_batch_size", "mean_with_sample_weight")


class FunctionLoss(keras.losses.Loss):
    """A plain function as a Keras loss.

    Args:
        function: `(y_true, y_pred) -> loss of each row`.
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__(name=getattr(function, "__name__", "loss"))
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row; a single output column may be left out."""
        if len(y_true.shape) == len(y_pred.shape) - 1 and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, axis=-1)
        return self.function(y_true, y_pred)


class SummedLoss(keras.losses.Loss):
    """The sum of several losses of one output.

    Args:
        parts: Losses with one kind of reduction.

    Raises:
        UserError: If their reductions differ.
    """

    def __init__(self, parts: Sequence[keras.losses.Loss]) -> None:
        reductions = sorted({str(part.reduction) for part in parts})
        if len(reductions) > 1:
            raise UserError(
                "Losses that a task adds up must have one reduction; found "
                f"{', '.join(reductions)}."
            )
        super().__init__(name="sum", reduction=parts[0].reduction)
        self.parts = list(parts)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the sum for each row."""
        return sum(part.call(y_true, y_pred) for part in self.parts)


def _crossentropy(y_true: Any, y_pred: Any) -> Any:
    """Return the cross-entropy that the shapes ask for, as Keras does."""
    if y_pred.shape[-1] == 1:
        return keras.losses.BinaryCrossentropy().call(y_true, y_pred)
    if len(y_true.shape) < len(y_pred.shape) or y_true.shape[-1] == 1:
        return keras.losses.SparseCategoricalCrossentropy().call(y_true, y_pred)
    return keras.losses.CategoricalCrossentropy().call(y_true, y_pred)


def resolve_loss(identifier: Any) -> keras.losses.Loss:
    """Return the loss object for what a user passed to `compile`.

    Args:
        identifier: A loss, a function, or a name such as `"mse"`.

    Returns:
        A `keras.losses.Loss`.
    """
    if identifier in ("crossentropy", "ce"):
        return FunctionLoss(_crossentropy)
    loss = keras.losses.get(identifier)
    return loss if isinstance(loss, keras.losses.Loss) else FunctionLoss(loss)


def is_any_crossentropy(loss: keras.losses.Loss) -> bool:
    """Return whether a loss is the cross-entropy that the shapes ask for."""
    return isinstance(loss, FunctionLoss) and loss.function is _crossentropy


def function_of(loss: keras.losses.Loss) -> Any:
    """Return the function that a loss was made of, or its class."""
    return loss.function if isinstance(loss, FunctionLoss) else type(loss)


class LabeledLoss:
    """A Keras loss that knows about missing labels.

    The value is the sum of `sample_weight * loss` over the labeled rows, divided by
    their number: Keras's own mean where every label is there; or by the sum of their
    weights, where the loss has `reduction="mean_with_sample_weight"`. A `sample_weight`
    of 0 marks a row as unlabeled.

    Args:
        loss: The loss of each row.
        mask_value: The integer that marks a missing label. Default: -1.

    Raises:
        ValueError: If the loss has a reduction that is no mean and no sum.
    """

    def __init__(self, loss: keras.losses.Loss, mask_value: int = MASK_VALUE) -> None:
        reduction = loss.reduction
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"A task's loss must be a mean or a sum over rows; "
                f"{type(loss).__name__} has reduction={reduction!r}. "
                f"Accepted: {', '.join(_REDUCTIONS)}."
            )
        self.loss = loss
        self.reduction = reduction
        self.mask_value = mask_value

    @functools.cached_property
    def kind(self) -> str | None:
        """What losses have in common that can be computed as one stack; or None."""
        named = isinstance(self.loss, FunctionLoss)
        what = function_of(self.loss)
        config = {} if named else self.loss.get_config()
        if what not in (*_ROWWISE, *_FROM_PROBABILITIES):
            return None
        if config.get("axis", -1) != -1:
            return None
        hidden = what in _FROM_PROBABILITIES and not config.get("from_logits")
        if hidden and keras.backend.backend() == "tensorflow":
            # Keras looks for the sigmoid before the loss, to compute with its logits.
            return None
        settings = sorted({**config, "name": what.__name__}.items())
        return repr((settings, str(self.loss.dtype), self.mask_value))

    @functools.cached_property
    def _raises_on_nan(self) -> bool:
        """Whether the loss of a probability that is NaN is no NaN, but an error."""
        torch = keras.backend.backend() == "torch"
        if not torch or function_of(self.loss) not in BINARY_CROSSENTROPIES:
            return False
        named = isinstance(self.loss, FunctionLoss)
        config = {} if named else self.loss.get_config()
        return not config.get("from_logits") and config.get("axis", -1) == -1

    def __call__(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        stacked: bool = False,
    ) -> tuple[Any, Any]:
        """Return the loss and the number of labeled rows.

        Args:
            y_true: Target; NaN or `mask_value` where the label is missing.
            y_pred: Output of the task.
            sample_weight: One weight for each row, or None.
            stacked: Whether all of these are stacks with one entry for each of n tasks.

        Returns:
            Two float32 scalars, or (n,) tensors. The loss is 0 if no row is labeled.
            For `"mean_with_sample_weight"` rows count by their weights.
        """
        mask, y_true = labeled(y_true, self.mask_value)
        values = self.of_rows(y_true, y_pred)
        weights = row_weights(mask, sample_weight, carried_mask(y_pred), values.shape)
        there = ops.cast(ops.not_equal(weights, 0.0), "float32")
        there = ops.broadcast_to(there, ops.shape(values))
        # A loss may be infinite for the stand-in of a missing label.
        values = ops.where(there > 0, values, ops.zeros_like(values))
        rows = tuple(range(1, len(values.shape))) if stacked else None
        by_weight = self.reduction == "mean_with_sample_weight"
        count = ops.sum(there * weights if by_weight else there, axis=rows)
        total = ops.sum(values * weights, axis=rows)
        if self.reduction == "sum":
            return total, count
        return total / ops.where(count > 0, count, 1.0), count

    def of_rows(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each row, or of each place of a row, in float32.

        Args:
            y_true: Target, with a stand-in where the label is missing.
            y_pred: Output of the task; NaN gives NaN.
        """
        dtype = keras.backend.standardize_dtype(getattr(self.loss, "dtype", "float32"))
        y_pred = ops.cast(y_pred, dtype)
        if "int" not in str(y_true.dtype):
            y_true = ops.cast(y_true, dtype)
        if self._raises_on_nan:
            unknown = ops.isnan(y_pred)
            values = self.loss.call(y_true, ops.where(unknown, 0.5, y_pred))
            values = ops.where(ops.any(unknown, axis=-1), float("nan"), values)
        else:
            values = self.loss.call(y_true, y_pred)
        return ops.cast(values, "float32")
