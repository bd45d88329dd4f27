"""Bilevel weights, from a validation loss after a virtual step."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.adam import adam_state, adam_step
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.masked import count_of, masked_softmax, relative_products
from polytask.balancing.primary import checked_primary, primary_mask
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.AutoLambda")
class AutoLambda(GramianBalancer):
    """Learn the weights that lower a validation loss of the primary tasks.

    The validation loss after one virtual gradient step of length e with weights w
    changes with w_i by -e <g_i, sum of the primary tasks' validation gradients there>.
    Adam lowers it.

    In `fit` one half of each batch validates the other, and the roles are averaged: the
    two are independent, and the update itself takes all rows. Exact but for one thing:
    the validation gradient is that of the weights before the virtual step, not after
    it, an error of the order of e. The virtual step moves the shared variables. Passed
    by hand, as `gramian`, products with gradients taken after the step are exact.

    Unlike the published weights, which start at 0.1 and may grow without bound, these
    start at 1, stay positive and sum to T, so that they do not act as a learning rate.

    Args:
        primary: Names or positions of the tasks that validation counts; the others are
            auxiliary and help as far as they help these. Defaults to None: all tasks.
        learning_rate: Step size of Adam on the logarithms of the weights. Defaults to
            0.01.
        update_every: See `GramianBalancer`. Defaults to 1.

    Raises:
        UserError: If `primary` is empty or names an unknown task.

    Source:
        S. Liu, S. James, A. Davison, E. Johns (2022), Auto-Lambda: disentangling
        dynamic task relationships.

    Example:
        >>> import numpy as np
        >>> balancer = AutoLambda(primary=[0], learning_rate=0.1)
        >>> products = np.array([[1, 0.5, -0.5], [0.5, 1, 0], [-0.5, 0, 1]])
        >>> for _ in range(50):
        ...     weights = balancer.weights([1.0, 1.0, 1.0], gramian=products)
        >>> bool(weights[0] > weights[1] > weights[2])
        True
    """

    cross_batch = True

    def __init__(
        self,
        primary: Sequence[str | int] | None = None,
        learning_rate: float = 0.01,
        update_every: int = 1,
    ) -> None:
        super().__init__(update_every)
        self.primary = checked_primary(primary)
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", "AutoLambda", at_least=0.0
        )

    def build(
        self,
        num_tasks: int,
        task_names: tuple[str, ...] = (),
        shapes: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        """Make the state, and find the primary tasks; see `Balancer.build`."""
        super().build(num_tasks, task_names, shapes)
        self._counts = primary_mask(self.primary, num_tasks, self.task_names)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the logarithms of the weights."""
        zeros = np.zeros(num_tasks)
        return {"logits": zeros, **adam_state(zeros)}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return T softmax(logits), and one step of Adam on them."""
        count = count_of(ops, present)
        weights = count * masked_softmax(ops, state["logits"], present)
        primary = ops.convert_to_tensor(self._counts)
        slope = -ops.matmul(relative_products(ops, gramian, present), primary)
        # Through the softmax.
        gradient = weights * (slope - ops.sum(weights * slope) / count)
        change, adam = adam_step(ops, gradient, state, self.learning_rate)
        return weights, {"logits": state["logits"] + change, **adam}
