"""The gate of a mixture of experts."""

from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers.gate import Gate


@polytask_export("polytask.layers.SoftmaxGate")
class SoftmaxGate(Gate):
    """softmax(W x + b): how much each expert counts for a row.

    With dropout, in training each expert is left out of a row with probability
    `dropout`, and the weights of the others are scaled up to sum to 1; a row that
    would lose all experts keeps all.

    Args:
        num_experts: Number of experts.
        task: Name of the task that the gate serves, for reports.
        dropout: Probability in [0, 1). Defaults to 0.
        load_balance: Strength of the penalty on unequal use of the experts.
        balance: Its form, "cv2" or "switch".
        entropy: Strength of the rows' mean entropy: above 0 for sparse weights.
        kernel_regularizer: Penalty on W, as in Keras.
        seed: Seed of the dropout.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If there is no expert, or a strength or rate is out of range.

    Source:
        Ma et al., "Modeling Task Relationships in Multi-task Learning with
        Multi-gate Mixture-of-Experts", KDD 2018; dropout: Zhao et al.,
        "Recommending What Video to Watch Next", RecSys 2019.

    Example:
        >>> import numpy as np
        >>> weights = SoftmaxGate(3, dropout=0.1)(np.ones((2, 5)))
        >>> weights.shape == (2, 3)
        True
    """

    def __init__(
        self,
        num_experts: int,
        task: str = "",
        dropout: float = 0.0,
        load_balance: float = 0.0,
        balance: str = "cv2",
        entropy: float = 0.0,
        kernel_regularizer: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_experts, task, load_balance, balance, entropy, **kwargs)
        if not 0 <= dropout < 1:
            raise UserError(
                f"SoftmaxGate: dropout must lie in [0, 1); found {dropout!r}."
            )
        self.dropout = float(dropout)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed) if dropout else None

    def build(self, input_shape: Any) -> None:
        """Make W and b."""
        self.kernel_initializer = keras.initializers.GlorotUniform()
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.num_experts),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            autocast=False,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.num_experts,), initializer="zeros", autocast=False
        )

    def weigh(self, features: Any, training: bool) -> tuple[Any, Any]:
        """Return the softmax over the experts, or over those that are left."""
        logits = ops.matmul(features, self.kernel) + self.bias
        if training and self.seed_generator:
            logits = self._with_dropout(logits)
        weights = ops.softmax(logits)
        return weights, weights

    def _with_dropout(self, logits: Any) -> Any:
        draws = keras.random.uniform(ops.shape(logits), seed=self.seed_generator)
        kept = draws >= self.dropout
        kept = ops.logical_or(kept, ops.logical_not(ops.any(kept, -1, keepdims=True)))
        # Far enough below any logit for a weight of exactly zero.
        return ops.where(kept, logits, -1e30)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
