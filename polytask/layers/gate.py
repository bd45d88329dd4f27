"""What all gates have in common."""

import math
from abc import abstractmethod
from typing import Any

from keras import ops

from polytask._checks import checked_count
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._moments import counted


def cv_squared(weights: Any) -> Any:
    """Return the squared coefficient of variation of the experts' importance.

    The importance of an expert is the sum of its weights over the rows; the variance
    is that of the experts at hand (divided by their number).

    Args:
        weights: (rows, experts).

    Source:
        Shazeer et al., "Outrageously Large Neural Networks: The Sparsely-Gated
        Mixture-of-Experts Layer", ICLR 2017.
    """
    importance = ops.mean(weights, axis=0)
    return ops.var(importance) / ops.square(ops.mean(importance))


def switch_balance(weights: Any) -> Any:
    """Return E · Σᵢ fᵢ Pᵢ, with fᵢ the share of rows whose first expert is i.

    Pᵢ is the mean weight of expert i. The least value is 1, at equal shares; fᵢ has no
    gradient.

    Args:
        weights: (rows, experts).

    Source:
        Fedus, Zoph and Shazeer, "Switch Transformers", JMLR 2022.
    """
    experts = weights.shape[-1]
    first = ops.one_hot(ops.argmax(weights, axis=-1), experts, dtype=weights.dtype)
    shares = ops.stop_gradient(ops.mean(first, axis=0))
    return experts * ops.sum(shares * ops.mean(weights, axis=0))


def mean_entropy(weights: Any) -> Any:
    """Return the mean over the rows of -Σᵢ wᵢ log wᵢ, in nats.

    Args:
        weights: (rows, experts); 0 log 0 is 0.
    """
    # The logarithm's argument is never 0, or its gradient would be no number.
    safe = ops.where(weights > 0, weights, 1.0)
    return -ops.mean(ops.sum(weights * ops.log(safe), axis=-1))


BALANCE = {"cv2": cv_squared, "switch": switch_balance}


class Gate(ConfiguredLayer):
    """The weights of the experts for each row: (rows, experts), computed in float32.

    The gate reads features (rows, ..., channels), and their mean over all positions
    where there are more axes than two (over the unmasked ones, if Keras passes a mask).

    Penalties are added to the loss of the batch; in a `MultiTaskModel` they belong to
    the task whose head the gate is in.

    Args:
        num_experts: Number of experts.
        task: Name of the task that the gate serves, for reports; "" for all tasks.
        load_balance: Strength of the penalty on unequal use of the experts, at least
            0. Defaults to 0.
        balance: Form of that penalty: "cv2", the squared coefficient of variation of
            the experts' total weight (the default), or "switch".
        entropy: Strength of the rows' mean entropy. Above 0 the weights become
            sparse, below 0 they spread. Defaults to 0.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If there is no expert, a strength is out of range, or the form of
            the penalty is unknown.
    """

    def __init__(
        self,
        num_experts: int,
        task: str = "",
        load_balance: float = 0.0,
        balance: str = "cv2",
        entropy: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.num_experts = checked_count(num_experts, "num_experts", owner)
        self.task = task
        if not (math.isfinite(load_balance) and load_balance >= 0):
            raise UserError(
                f"{owner}: load_balance must be a number from 0; found {load_balance}."
            )
        if balance not in BALANCE:
            raise UserError(
                f"{owner}: balance must be one of {', '.join(BALANCE)}; found "
                f"{balance!r}."
            )
        if not math.isfinite(entropy):
            raise UserError(f"{owner}: entropy must be finite; found {entropy}.")
        self.load_balance = float(load_balance)
        self.balance = balance
        self.entropy = float(entropy)

    @abstractmethod
    def weigh(self, features: Any, training: bool) -> tuple[Any, Any]:
        """Return the weights of the experts, and the choices behind them.

        Args:
            features: Float32 (rows, channels).
            training: Whether the model is training.

        Returns:
            Float32 (rows, experts), and the distributions over the experts whose
            entropy is penalized, (rows, ..., experts).
        """

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Return the weights of the experts and add the penalties."""
        weights, choices = self.weigh(_pooled(inputs, mask), bool(training))
        if self.load_balance:
            self.add_loss(self.load_balance * BALANCE[self.balance](weights))
        if self.entropy:
            self.add_loss(self.entropy * mean_entropy(choices))
        return ops.cast(weights, self.compute_dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """Return None: a row has one set of weights, whatever its steps."""
        return

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """Return (rows, experts)."""
        return (input_shape[0], self.num_experts)


def _pooled(inputs: Any, mask: Any) -> Any:
    """Return float32 (rows, channels): the mean over the positions of a row."""
    features = ops.cast(inputs, "float32")
    if len(features.shape) == 2:
        return features
    positions = tuple(range(1, len(features.shape) - 1))
    there = counted(features, mask)
    total = ops.sum(there * features, axis=positions)
    return total / ops.maximum(ops.sum(there, axis=positions), 1.0)
