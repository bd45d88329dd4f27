"""Dynamic weight average."""

from typing import Any

import keras
import numpy as np

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.balancing.masked import count_of, masked_softmax
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.DWA")
class DWA(Balancer):
    """Weight tasks by how slowly their loss fell over the last two epochs.

    w = T softmax(r / temperature) with r_t the ratio of the mean losses of the last
    and the second to last epoch; 1 until there are two.

    Args:
        temperature: Large values make the weights equal. Defaults to 2.
        steps_per_epoch: Length of an "epoch" in steps. Defaults to None: `on_epoch_end`
            is called (`MultiTaskModel.fit` does).
        update_every: See `Balancer`. Defaults to 1.

    Raises:
        UserError: If a number is out of range.

    Source:
        S. Liu, E. Johns, A. Davison (2019), End-to-end multi-task learning with
        attention.

    Example:
        >>> balancer = DWA(steps_per_epoch=1)
        >>> for losses in ([1.0, 1.0], [0.5, 1.0], [0.4, 1.0]):
        ...     weights = balancer.weights(losses)
        >>> [round(float(w), 3) for w in weights]
        [0.876, 1.124]
    """

    nonnegative_losses = True

    def __init__(
        self,
        temperature: float = 2.0,
        steps_per_epoch: int | None = None,
        update_every: int = 1,
    ) -> None:
        super().__init__(update_every)
        self.temperature = checked_number(temperature, "temperature", "DWA", above=0.0)
        self.steps_per_epoch = (
            None
            if steps_per_epoch is None
            else checked_count(steps_per_epoch, "steps_per_epoch", "DWA")
        )

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return sums of this epoch and means of the last two (0: none yet)."""
        zeros = np.zeros(num_tasks)
        return {
            "loss_sum": zeros,
            "loss_count": zeros,
            "last_mean": zeros,
            "mean_before": zeros,
            "epoch_step": 0.0,
        }

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return T softmax(r / temperature), and count this step's losses."""
        last, before = state["last_mean"], state["mean_before"]
        known = (last > 0) & (before > 0)
        ratio = ops.where(known, last / ops.where(known, before, 1.0), 1.0)
        weights = masked_softmax(ops, ratio / self.temperature, present)
        weights = weights * count_of(ops, present)
        new = dict(state)
        new["loss_sum"] = state["loss_sum"] + losses
        new["loss_count"] = state["loss_count"] + 1.0
        # One update stands for the steps until the next.
        new["epoch_step"] = state["epoch_step"] + float(self.update_every)
        if self.steps_per_epoch is not None:
            over = new["epoch_step"] >= self.steps_per_epoch
            closed = _close_epoch(ops, new)
            new = {k: ops.where(over, closed[k], v) for k, v in new.items()}
        return weights, new

    def on_epoch_end(self) -> None:
        """Close the epoch, unless it is counted in steps."""
        if self.steps_per_epoch is None and self.num_tasks is not None:
            names = self.initial_state(self.num_tasks)
            state = {name: self.state[name].value for name in names}
            for name, value in _close_epoch(keras.ops, state).items():
                # A copy: two variables must not share what JAX donates to a step.
                self.state[name].assign(keras.ops.copy(value))


def _close_epoch(ops: Namespace, state: State) -> State:
    """Return the state with this epoch's means as the last ones."""
    count = state["loss_count"]
    seen = count > 0
    mean = state["loss_sum"] / ops.where(seen, count, 1.0)
    zeros = ops.zeros_like(count)
    return {
        **state,
        "loss_sum": zeros,
        "loss_count": zeros,
        "last_mean": ops.where(seen, mean, state["last_mean"]),
        "mean_before": ops.where(seen, state["last_mean"], state["mean_before"]),
        "epoch_step": ops.zeros_like(state["epoch_step"]),
    }
