"""Gradient steps of a trained network on a new task, held near their start."""

from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._types import Tensor
from polytask.meta.linear_head import Kind, LinearHead
from polytask.models.multi_task_model import MultiTaskModel
from polytask.training.functional import (
    compiled_step,
    losses_at,
    value_and_gradients,
    values_of,
)


class FineTuning:
    """Adam on the new task's loss plus (λ/2) ‖θ − θ₀‖², compiled once for all λ.

    Args:
        model: A model of the new task alone, on the trained trunk.
        task: Its name.
        kind: Its kind.
        layer: The new head.
        steps: Steps of a fit.
        learning_rate: Their rate.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        task: str,
        kind: Kind,
        layer: keras.layers.Dense,
        steps: int,
        learning_rate: float,
    ) -> None:
        model.compile(loss={task: kind.loss})
        self.model = model
        self.task = task
        self.layer = layer
        self.steps = steps
        self.variables = model.trainable_variables
        head = {id(v) for v in layer.trainable_variables}
        self.moves_head = [id(v) in head for v in self.variables]
        self.optimizer = keras.optimizers.Adam(learning_rate)
        self.optimizer.build(self.variables)
        self.state = self.optimizer.variables
        self.trained = [np.array(ops.convert_to_numpy(v)) for v in self.variables]
        self.fresh = [np.array(ops.convert_to_numpy(v)) for v in self.state]
        self._step = compiled_step(self._update, [*self.variables, *self.state])

    def restart(self, head: LinearHead) -> None:
        """Put the trained trunk back, with a head and a new optimizer."""
        for variables, values in (
            (self.variables, self.trained),
            (self.state, self.fresh),
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self.layer.kernel.assign(head.kernel)
        self.layer.bias.assign(head.bias)

    def fit(self, x: Any, y: np.ndarray, strength: float, whole: bool) -> None:
        """Make the steps.

        Args:
            x: Inputs of all rows.
            y: Labels, missing where a row does not train.
            strength: λ.
            whole: Whether the trunk moves, or only the head.
        """
        start = [np.array(ops.convert_to_numpy(v)) for v in self.variables]
        moves = np.array([whole or head for head in self.moves_head], np.float32)
        data = (x, {self.task: y})
        for _ in range(self.steps):
            self._step(data, start, np.float32(strength), moves)

    def _update(
        self, data: Any, start: list[Tensor], strength: Tensor, moves: Tensor
    ) -> Tensor:
        def objective(values: list[Tensor]) -> tuple[Tensor, tuple[()]]:
            losses, _ = losses_at(self.model, self.variables, values, data)
            distance = sum(
                ops.sum(ops.square(value - first))
                for value, first in zip(values, start, strict=True)
            )
            return ops.sum(losses) + 0.5 * strength * distance, ()

        (value, _), gradients = value_and_gradients(
            objective, values_of(self.variables)
        )
        # Adam leaves a weight where it is that never had a gradient.
        moved = [g * moves[i] for i, g in enumerate(gradients)]
        self.optimizer.apply(moved, self.variables)
        return value
