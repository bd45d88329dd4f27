"""Loss discrepancy control."""

from typing import Any

import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.adam import adam_state, adam_step
from polytask.balancing.balancer import Balancer, State
from polytask.balancing.masked import count_of
from polytask.errors import one_of
from polytask.numeric.namespace import Namespace, Tensor

PAIRS = ("chain", "all")


@polytask_export("polytask.balancing.LDCMTL")
class LDCMTL(Balancer):
    """Learn weights in (0, 1) that bring the weighted losses together.

    With w = sigmoid(s), network and s descend

        T (sum_t w_t loss_t / sum_t w_t + penalty sum |w_i loss_i - w_j loss_j|)

    where the first sum of the weights is taken for a constant. s starts at 1 and moves
    by Adam.

    Args:
        penalty: Weight of the discrepancies of the weighted losses, 0 or more.
            Defaults to 0.01.
        learning_rate: Step size of Adam; the published code takes that of the network.
            Defaults to 0.001.
        pairs: Which tasks are compared. `"chain"`: each with the next present one, as
            published, which depends on the order of the tasks; `"all"`: each with each,
            times 2 / T, so that both have the same sum of coefficients. Defaults to
            "chain".
        update_every: See `Balancer`. Defaults to 1.

    Raises:
        UserError: If an argument is none of these.

    Source:
        P. Xiao et al. (2025), LDC-MTL: balancing multi-task learning through scalable
        loss discrepancy control.

    Example:
        >>> weights = LDCMTL(penalty=0.1).weights([0.5, 2.0])
        >>> [round(float(w), 4) for w in weights]
        [0.8538, 1.1462]
    """

    def __init__(
        self,
        penalty: float = 0.01,
        learning_rate: float = 0.001,
        pairs: str = "chain",
        update_every: int = 1,
    ) -> None:
        super().__init__(update_every)
        one_of("pairs", pairs, PAIRS)
        self.penalty = checked_number(penalty, "penalty", "LDCMTL", at_least=0.0)
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", "LDCMTL", at_least=0.0
        )
        self.pairs = pairs

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return s and the moments of Adam."""
        return {"logits": np.ones(num_tasks), **adam_state(np.zeros(num_tasks))}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the gradient by the losses, and one step of Adam on s."""
        w = 1.0 / (1.0 + ops.exp(-state["logits"]))
        weighted = w * losses
        compared = self._compared(ops, present)
        sign = ops.sign(weighted[:, None] - weighted[None, :])
        total = ops.sum(ops.where(present, w, 0.0))
        # The gradient by w_t loss_t.
        slope = 1.0 / total + self.penalty * ops.sum(compared * sign, axis=1)
        slope = slope * count_of(ops, present)
        gradient = slope * losses * w * (1.0 - w)
        change, adam = adam_step(ops, gradient, state, self.learning_rate, epsilon=0.0)
        return w * slope, {"logits": state["logits"] + change, **adam}

    def _compared(self, ops: Namespace, present: Tensor) -> Tensor:
        """Return the (T, T) coefficients of the discrepancies."""
        count = ops.cast(present, "float32")
        both = count[:, None] * count[None, :]
        place = ops.cumsum(count)
        apart = ops.abs(place[:, None] - place[None, :])
        if self.pairs == "chain":
            return both * ops.cast(apart == 1, "float32")
        return both * ops.cast(apart > 0, "float32") * 2.0 / ops.sum(count)
