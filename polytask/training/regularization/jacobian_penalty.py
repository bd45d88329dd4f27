"""Outputs that change little with the inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export
from polytask._types import Tensor, Variable
from polytask.training.regularization.moved_input import outputs_at
from polytask.training.regularization.slope_penalty import SlopePenalty


@polytask_export("polytask.training.JacobianPenalty")
class JacobianPenalty(SlopePenalty):
    """Adds (a/2) ‖J‖² of each task's output, J = ∂ŷ/∂x, a mean over all rows.

    The Frobenius norm is estimated without bias by C ‖vᵀJ‖² for random unit vectors v
    of the C numbers of an output, and exact where C is 1. J is that of the network as
    it predicts, without dropout and with moving statistics, in which no row depends on
    another. Like a penalty on weights it acts after balancing, and a task without a
    label in the batch has none; the loss in the history leaves it out. A step costs two
    backward passes more for each task and projection.

    Outputs are as the model gives them; the paper takes logits, which a head has with
    `from_logits=True` in its loss. A one-hot code does not change by little: name the
    columns of the input that do.

    Args:
        strength: a, at least 0, or a dict from task to a, 0 for those left out.
            Default: 0.01.
        columns: Indices of the columns of the input that count; None for all.
        projections: Random vectors a row, at least 1. Default: 1, as in the paper.

    Raises:
        UserError: If a number is out of range, or, in `compile`, the model has several
            inputs or one of integers, or no task of a name.

    Source:
        Hoffman, Roberts and Yaida, "Robust Learning with Jacobian Regularization",
        2019.

    Example:
        >>> JacobianPenalty(0.1)
        JacobianPenalty(strength=0.1, columns=None, projections=1)
    """

    def __init__(
        self,
        strength: float | Mapping[str, float] = 0.01,
        columns: Sequence[int] | None = None,
        projections: int = 1,
    ) -> None:
        super().__init__(strength, columns)
        self.projections = checked_count(projections, "projections", "JacobianPenalty")
        self.random = keras.random.SeedGenerator()

    @property
    def variables(self) -> list[Variable]:
        """The state of the random numbers."""
        return [self.random.state]

    def penalty_gradients(self, step: Any, batch: Any, heads: Any) -> list[Tensor]:
        """See `TrainingRegularizer.penalty_gradients`."""
        names = step.plan.trained.names
        strengths = ops.where(heads.counts > 0, self.strengths(step.plan.trained), 0.0)
        (rows,) = step.replicas.sum(
            [ops.cast(ops.shape(heads.outputs[names[0]])[0], "float32")]
        )
        directions, factors = [], []
        for index, task in enumerate(names):
            for _ in range(self.projections):
                unit, size = self._unit_vectors(heads.outputs[task])
                directions.append((task, unit))
                factors.append(strengths[index] * size / (self.projections * rows))

        def targets(x: Tensor) -> list[Tensor]:
            outputs = outputs_at(step, batch, x)
            return [
                ops.sum(ops.cast(outputs[task], "float32") * unit)
                for task, unit in directions
            ]

        return self.gradient(step, batch, targets, factors)

    def _unit_vectors(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return a random unit vector for each row, and its number C of entries."""
        axes = tuple(range(1, len(output.shape)))
        draw = keras.random.normal(ops.shape(output), dtype="float32", seed=self.random)
        square = ops.sum(ops.square(draw), axis=axes, keepdims=True)
        size = ops.sum(ops.ones_like(draw[:1]))
        return draw / ops.sqrt(square), size
