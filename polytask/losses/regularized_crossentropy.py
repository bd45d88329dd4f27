"""Cross-entropy that keeps a classifier from being too sure."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_number, checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError


@polytask_export("polytask.losses.RegularizedCrossentropy")
class RegularizedCrossentropy(keras.losses.Loss):
    """Cross-entropy with label smoothing, a focal factor and a confidence penalty.

    For C classes with the probabilities p and the label q (one-hot),

    Σ_c -q̃_c (1 - p_c)^γ log p_c + β Σ_c p_c log p_c, with q̃ = (1 - ε) q + ε/C.

    ε keeps labels from being certain, γ turns to rows that are not yet right, and β
    is the price of a distribution that says little else than one class. Each of them
    changes what the probabilities mean: none is for a task whose probabilities are used
    as such, as where one is multiplied by another.

    It takes what the three cross-entropies of Keras take: one column for yes or no,
    integers, or one column a class, which sum to 1. Rows without a label count nowhere
    in a `polytask.MultiTaskModel`.

    Args:
        label_smoothing: ε, in [0, 1). Default: 0.
        focusing: γ, at least 0. Default: 0; 2 is usual.
        confidence_penalty: β, at least 0. Default: 0; 0.1 is usual.
        independent: Whether the columns are questions by themselves, each with yes or
            no, whose mean is taken. Default: False.
        from_logits: Whether outputs are not yet probabilities. Default: False.
        **kwargs: Arguments of `keras.losses.Loss`, such as `name`.

    Raises:
        UserError: If an option is out of range, or labels do not go with outputs.

    Source:
        Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
        CVPR 2016 (ε); Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017
        (γ); Pereyra et al., "Regularizing Neural Networks by Penalizing Confident
        Output Distributions", ICLR 2017 workshop (β).

    Example:
        >>> import numpy as np
        >>> loss = RegularizedCrossentropy(label_smoothing=0.2)
        >>> labels, outputs = np.array([0]), np.array([[0.5, 0.25, 0.25]], "float32")
        >>> round(float(loss(labels, outputs)), 4)
        0.7856
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        focusing: float = 0.0,
        confidence_penalty: float = 0.0,
        independent: bool = False,
        from_logits: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("name", "regularized_crossentropy")
        super().__init__(**kwargs)
        owner = "RegularizedCrossentropy"
        self.label_smoothing = checked_number(
            label_smoothing, "label_smoothing", owner, at_least=0.0, below=1.0
        )
        self.focusing = checked_strength(focusing, owner, "focusing")
        self.confidence_penalty = checked_strength(
            confidence_penalty, owner, "confidence_penalty"
        )
        self.independent = bool(independent)
        self.from_logits = bool(from_logits)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row."""
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.convert_to_tensor(y_true)
        if self.independent or y_pred.shape[-1] == 1:
            return ops.mean(self._of_classes(*self._two_classes(y_true, y_pred)), -1)
        return self._of_classes(self._labels(y_true, y_pred), self._logs(y_pred))

    def _of_classes(self, q: Any, logs: Any) -> Any:
        """Return the loss for labels and log-probabilities (..., classes)."""
        p = ops.exp(logs)
        q = (1 - self.label_smoothing) * q + self.label_smoothing / logs.shape[-1]
        loss = -q * logs
        if self.focusing:
            # Not below zero by rounding, where a power has no slope.
            loss = loss * ops.power(ops.maximum(1 - p, 1e-7), self.focusing)
        return ops.sum(loss + self.confidence_penalty * p * logs, axis=-1)

    def _logs(self, y_pred: Any) -> Any:
        if self.from_logits:
            return ops.log_softmax(y_pred, axis=-1)
        epsilon = keras.config.epsilon()
        p = ops.clip(y_pred, epsilon, 1 - epsilon)
        return ops.log(p / ops.sum(p, axis=-1, keepdims=True))

    def _labels(self, y_true: Any, y_pred: Any) -> Any:
        """Return labels with one column a class."""
        classes, rank = y_pred.shape[-1], len(y_pred.shape)
        if len(y_true.shape) == rank and y_true.shape[-1] == classes:
            return ops.cast(y_true, y_pred.dtype)
        if len(y_true.shape) == rank and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, axis=-1)
        if len(y_true.shape) != rank - 1:
            raise UserError(
                "RegularizedCrossentropy takes integers, or one column a class; found "
                f"labels of the shape {tuple(y_true.shape)} for outputs of "
                f"{tuple(y_pred.shape)}."
            )
        return ops.one_hot(ops.cast(y_true, "int32"), classes, dtype=y_pred.dtype)

    def _two_classes(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Return labels and log-probabilities of no and yes for each column."""
        if len(y_true.shape) == len(y_pred.shape) - 1:
            y_true = ops.expand_dims(y_true, axis=-1)
        y_true = ops.cast(y_true, y_pred.dtype)
        if self.from_logits:
            logs = [ops.log_sigmoid(-y_pred), ops.log_sigmoid(y_pred)]
        else:
            epsilon = keras.config.epsilon()
            p = ops.clip(y_pred, epsilon, 1 - epsilon)
            logs = [ops.log(1 - p), ops.log(p)]
        return ops.stack([1 - y_true, y_true], axis=-1), ops.stack(logs, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "label_smoothing": self.label_smoothing,
            "focusing": self.focusing,
            "confidence_penalty": self.confidence_penalty,
            "independent": self.independent,
            "from_logits": self.from_logits,
        }
