"""Fast adaptive multi-task optimization."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.adam import adam_state, adam_step
from polytask.balancing.balancer import Balancer, State
from polytask.balancing.masked import count_of, masked_softmax
from polytask.balancing.preference import (
    check_one_for_each,
    checked_norm,
    finite_numbers,
)
from polytask.numeric.namespace import Namespace, Tensor, enter, namespace_of


@polytask_export("polytask.balancing.FAMO")
class FAMO(Balancer):
    """Decrease all log-losses at the same rate, from losses alone.

    w_t is proportional to z_t / (loss_t - lower_t) with z = softmax of learned numbers,
    which Adam moves by the change of the log-losses that a step caused.

    Args:
        learning_rate: Step size of Adam. Defaults to 0.025.
        decay: Weight decay of the learned numbers. Defaults to 0.001.
        lower_bounds: A bound below each loss. Defaults to None: 0 each.
        reuse_next_loss: Take the losses of the next batch for the losses after the
            step, which costs nothing. If False, `fit` evaluates the same batch again
            after the update, with the same dropout masks and without moving batch
            statistics, which costs a forward pass; in a loop of your own, call
            `after_step` with these losses. Defaults to True.
        update_every: See `Balancer`. Defaults to 1.
        max_norm: The longest update of the shared variables in `fit` and in the native
            entry points; the published code takes 1. Defaults to None: any.

    Raises:
        UserError: If a number is out of range, or there is not one bound for each task.

    Source:
        B. Liu et al. (2023), FAMO: fast adaptive multitask optimization.

    Example:
        >>> weights = FAMO().weights([0.5, 1.5])
        >>> [float(w) for w in weights]
        [1.5, 0.5]
    """

    positive_losses = True

    def __init__(
        self,
        learning_rate: float = 0.025,
        decay: float = 1e-3,
        lower_bounds: Sequence[float] | None = None,
        reuse_next_loss: bool = True,
        update_every: int = 1,
        max_norm: float | None = None,
    ) -> None:
        super().__init__(update_every)
        self.max_norm = checked_norm(max_norm)
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", "FAMO", at_least=0.0
        )
        self.decay = checked_number(decay, "decay", "FAMO", at_least=0.0)
        self.lower_bounds = finite_numbers("lower_bounds", lower_bounds)
        self.reuse_next_loss = reuse_next_loss
        self.needs_next_losses = not reuse_next_loss
        self.loss_floor = self.lower_bounds

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the learned numbers and the last margins (0: none yet)."""
        check_one_for_each(self, num_tasks, lower_bounds=self.lower_bounds)
        zeros = np.zeros(num_tasks)
        return {"logits": zeros, "last_margin": zeros, **adam_state(zeros)}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the weights; with `reuse_next_loss`, learn from the last step."""
        margin = self._margin(ops, losses)
        new = dict(state)
        if self.reuse_next_loss:
            new = self._learn(ops, state, margin, present)
        share = masked_softmax(ops, new["logits"], present) / margin
        weights = share * count_of(ops, present)
        weights = weights / ops.sum(ops.where(present, share, 0.0))
        return weights, {**new, "last_margin": margin}

    def after_step(self, losses: Tensor, present: Tensor = None) -> None:
        """Learn from the losses of the same batch after the update."""
        ops = namespace_of()
        losses, present, usable = self.prepare(ops, losses, present)
        old = {k: enter(ops, v) for k, v in self.state.items()}
        if self.update_every > 1:
            # In between, the last margin belongs to an earlier step.
            present = present & (old["until_update"] > self.update_every - 1.5)
        new = self._learn(ops, old, self._margin(ops, losses), present)
        self.store(ops, old, new, present, usable)

    def _margin(self, ops: Namespace, losses: Tensor) -> Tensor:
        """Return the losses above their lower bounds."""
        if self.lower_bounds is None:
            return losses
        return losses - ops.convert_to_tensor(self.lower_bounds, "float32")

    def _learn(
        self, ops: Namespace, state: State, margin: Any, present: Tensor
    ) -> State:
        """Move the learned numbers by the change of the log-losses."""
        last = state["last_margin"]
        both = present & (last > 0)
        fall = ops.log(ops.where(both, last / margin, 1.0))
        z = masked_softmax(ops, state["logits"], both | ops.logical_not(ops.any(both)))
        gradient = z * (fall - ops.sum(z * fall)) + self.decay * state["logits"]
        change, adam = adam_step(ops, gradient, state, self.learning_rate)
        new = {**adam, "logits": state["logits"] + change}
        return {**state, **{k: ops.where(both, v, state[k]) for k, v in new.items()}}
