"""The inner loop of meta-learning: a few steps on the rows of one task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras import ops

from polytask._types import Tensor
from polytask.errors import UserError
from polytask.training.functional import value_and_gradients

#: How a step follows from the gradients.
OPTIMIZERS = ("sgd", "adam")

_DECAYS = (0.9, 0.999)
_EPSILON = 1e-8

#: From all weights, and the number of the step from 0, to the loss of the task.
Objective = Callable[[list[Tensor], int], Tensor]


@dataclass(frozen=True)
class InnerLoop:
    """Gradient steps of some weights, differentiable with respect to their start.

    Attributes:
        fast: Positions of the weights that move.
        steps: How many steps.
        optimizer: `"sgd"` or `"adam"`.
        anchor: λ of the penalty (λ/2) ‖θ' − θ‖² on the way from the start.
        first_order: Whether gradients count as constants.
    """

    fast: tuple[int, ...]
    steps: int
    optimizer: str = "sgd"
    anchor: float = 0.0
    first_order: bool = False

    def __call__(
        self, objective: Objective, start: Sequence[Tensor], rates: Sequence[Any]
    ) -> list[Tensor]:
        """Return the weights after the steps.

        Args:
            objective: The loss of the task.
            start: All weights.
            rates: For each fast weight a number, or a tensor of its shape.
        """
        values = list(start)
        state: list[Any] = [None] * len(self.fast)
        for step in range(self.steps):
            gradients = self._gradients(objective, values, start, step)
            for place, position in enumerate(self.fast):
                move = gradients[place]
                if self.optimizer == "adam":
                    move, state[place] = _adam(move, state[place], step + 1)
                values[position] = values[position] - rates[place] * move
        return values

    def with_steps(self, steps: int) -> "InnerLoop":
        """Return the loop with a number of steps that nobody differentiates.

        Raises:
            UserError: If it is no integer of at least 0.
        """
        if not isinstance(steps, int) or steps < 0:
            raise UserError(f"steps must be an integer, at least 0; found {steps!r}.")
        return replace(self, steps=steps, first_order=True)

    def _gradients(
        self,
        objective: Objective,
        values: list[Tensor],
        start: Sequence[Tensor],
        step: int,
    ) -> list[Tensor]:
        def of_fast(moved: list[Tensor]) -> tuple[Tensor, tuple[()]]:
            whole = list(values)
            for position, value in zip(self.fast, moved, strict=True):
                whole[position] = value
            return objective(whole, step), ()

        moved = [values[position] for position in self.fast]
        _, gradients = value_and_gradients(of_fast, moved)
        if self.first_order:
            gradients = [ops.stop_gradient(gradient) for gradient in gradients]
        if not self.anchor:
            return gradients
        return [
            gradient + self.anchor * (value - start[position])
            for gradient, value, position in zip(
                gradients, moved, self.fast, strict=True
            )
        ]


def _adam(gradient: Tensor, state: Any, step: int) -> tuple[Tensor, Any]:
    """Return the direction of Adam, and its moments."""
    first, second = state or (ops.zeros_like(gradient), ops.zeros_like(gradient))
    slow, slower = _DECAYS
    first = slow * first + (1.0 - slow) * gradient
    second = slower * second + (1.0 - slower) * ops.square(gradient)
    # Inside of the root: its derivative at 0 is infinite, and weights behind a unit
    # that is off have no gradient.
    scale = ops.sqrt(second / (1.0 - slower**step) + _EPSILON**2)
    return first / (1.0 - slow**step) / scale, (first, second)
