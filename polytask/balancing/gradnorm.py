"""Gradient norms that follow the training rates."""

from typing import Any

import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.adam import adam_state, adam_step
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.masked import count_of, masked_mean, masked_softmax
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.GradNorm")
class GradNorm(GramianBalancer):
    """Learn weights so that w_t n_t is proportional to r_t^alpha.

    n_t is the norm of a task's gradient and r_t its loss relative to that at the
    start, over the mean of all tasks: slow tasks get larger gradients. The weights
    are T softmax of learned numbers, so positive; Adam takes the subgradient of
    sum |w_t n_t - mean(w n) r_t^alpha|, in units of the mean norm.

    Args:
        alpha: Strength of the pull towards equal rates. Defaults to 1.5.
        learning_rate: Step size of Adam. Defaults to 0.025.
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Raises:
        UserError: If a number is out of range.

    Source:
        Z. Chen et al. (2018), GradNorm: gradient normalization for adaptive loss
        balancing in deep multitask networks.

    Example:
        >>> import numpy as np
        >>> weights = GradNorm().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [float(w) for w in weights]
        [1.0, 1.0]
    """

    positive_losses = True

    def __init__(
        self,
        alpha: float = 1.5,
        learning_rate: float = 0.025,
        update_every: int = 1,
        on: str = "shared",
    ) -> None:
        super().__init__(update_every, on)
        self.alpha = checked_number(alpha, "alpha", "GradNorm")
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", "GradNorm", at_least=0.0
        )

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the first losses (0: not seen) and the learned numbers."""
        zeros = np.zeros(num_tasks)
        return {"first_loss": zeros, "logits": zeros, **adam_state(zeros)}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return T softmax(logits), and one step of Adam on them."""
        logits = state["logits"]
        count = count_of(ops, present)
        weights = count * masked_softmax(ops, logits, present)
        first = state["first_loss"]
        first = ops.where(first > 0, first, losses)
        rate = losses / first
        rate = rate / masked_mean(ops, rate, present)
        norms = ops.sqrt(ops.maximum(ops.diagonal(gramian), 0.0))
        mean = masked_mean(ops, norms, present)
        norms = norms / ops.where(mean > 0, mean, 1.0)
        weighted = weights * norms
        target = masked_mean(ops, weighted, present) * rate**self.alpha
        slope = ops.where(present, norms * ops.sign(weighted - target), 0.0)
        # Through the softmax.
        gradient = weights * (slope - ops.sum(weights * slope) / count)
        change, adam = adam_step(ops, gradient, state, self.learning_rate)
        return weights, {"first_loss": first, "logits": logits + change, **adam}
