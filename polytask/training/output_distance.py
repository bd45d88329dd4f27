"""How far two outputs of a task are apart, by what its loss says they are."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from polytask._types import Tensor
from polytask.losses import RegularizedCrossentropy
from polytask.training.labeled_loss import (
    BINARY_CROSSENTROPIES,
    SPARSE_CROSSENTROPIES,
    function_of,
    is_any_crossentropy,
)

_CLASSES = (
    *SPARSE_CROSSENTROPIES,
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
    keras.losses.categorical_crossentropy,
    keras.losses.categorical_focal_crossentropy,
)


@dataclass(frozen=True)
class OutputDistance:
    """The distance of two outputs: a divergence of distributions, or a squared one.

    Attributes:
        kind: `"classes"`: an output is a distribution over the last axis. `"binary"`:
            each number is the probability of a yes. `"values"`: numbers.
        from_logits: Whether the outputs are logits in place of probabilities.
    """

    kind: str
    from_logits: bool = False

    @classmethod
    def of_loss(cls, loss: keras.losses.Loss, units: int) -> "OutputDistance":
        """Return the distance that goes with a loss.

        Args:
            loss: The loss of the task. Outputs under a loss that is no cross-entropy
                of Keras or polytask are numbers.
            units: The number of columns of the output.
        """
        what = function_of(loss)
        logits = bool(getattr(loss, "from_logits", False))
        if isinstance(loss, keras.losses.Loss) and "from_logits" not in vars(loss):
            logits = bool(loss.get_config().get("from_logits", False))
        either = what is RegularizedCrossentropy or is_any_crossentropy(loss)
        binary = units == 1 or getattr(loss, "independent", False)
        if what in BINARY_CROSSENTROPIES or (either and binary):
            return cls("binary", logits)
        if what in _CLASSES or either:
            return cls("classes", logits)
        return cls("values")

    def __call__(self, target: Tensor, output: Tensor, temperature: Any = 1.0) -> Any:
        """Return the distance of each row, the mean over axes that are no classes.

        Args:
            target: The output to come near to, (rows, ...).
            output: The output, of the same shape.
            temperature: What logits are divided by before they are compared.

        Returns:
            (rows,) float32: KL(target ‖ output), or the squared difference.
        """
        if self.kind == "values":
            target, output = (ops.cast(each, "float32") for each in (target, output))
            distances = ops.square(output - target)
        else:
            logs = self.log_probabilities(target, temperature)
            others = self.log_probabilities(output, temperature)
            distances = ops.sum(ops.exp(logs) * (logs - others), axis=-1)
        axes = tuple(range(1, len(distances.shape)))
        return ops.mean(distances, axis=axes) if axes else distances

    def log_probabilities(self, output: Tensor, temperature: Any = 1.0) -> Tensor:
        """Return log-probabilities with one entry a class along the last axis.

        Args:
            output: An output with classes; each number of a binary one becomes two.
            temperature: What logits are divided by before.
        """
        output = ops.cast(output, "float32")
        if not self.from_logits:
            epsilon = keras.config.epsilon()
            output = ops.clip(output, epsilon, 1 - epsilon)
        if self.kind == "classes":
            logits = output if self.from_logits else ops.log(output)
            return ops.log_softmax(logits / temperature, axis=-1)
        logits = output if self.from_logits else ops.log(output / (1 - output))
        logits = logits / temperature
        return ops.stack([ops.log_sigmoid(-logits), ops.log_sigmoid(logits)], axis=-1)
