"""Agreement with the average of the network's own past."""

from typing import Any, ClassVar

import keras
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask._types import Tensor, Variable
from polytask.optimizers.kept_values import keep_values, put_back
from polytask.training.regularization.moved_input import outputs_of
from polytask.training.regularization.training_regularizer import (
    TrainedTasks,
    TrainingRegularizer,
)


@polytask_export("polytask.training.MeanTeacher")
class MeanTeacher(TrainingRegularizer):
    """Adds to a task's loss how far it is from the moving average of its own weights.

    The teacher has the weights θ' ← m' θ' + (1 - m') θ after each update t, with
    m' = min(m, 1 - 1 / (t + 1)), and answers without dropout; batch statistics are the
    student's. A task's loss gets a r KL(p_θ' ‖ p_θ), or a r (ŷ - ŷ_θ')² where outputs
    are no probabilities, a mean over all rows, those without a label too. The ramp r is
    exp(-5 (1 - t / n)²) up to update n, and then 1: the teacher of the first updates
    knows nothing. The student needs dropout or noise, or there is little to agree on.

    Args:
        strength: a, above 0. Default: 1.
        momentum: m, at least 0 and below 1. Default: 0.99.
        ramp_up_steps: n, at least 1. Default: 200.

    Raises:
        UserError: If a number is out of range.

    Source:
        Tarvainen and Valpola, "Mean teachers are better role models: Weight-averaged
        consistency targets improve semi-supervised deep learning results", NIPS 2017.

    Example:
        >>> MeanTeacher(0.5)
        MeanTeacher(strength=0.5, momentum=0.99, ramp_up_steps=200)
    """

    in_losses: ClassVar[bool] = True

    def __init__(
        self, strength: float = 1.0, momentum: float = 0.99, ramp_up_steps: int = 200
    ) -> None:
        owner = "MeanTeacher"
        self.strength = checked_number(strength, "strength", owner, above=0.0)
        self.momentum = checked_number(
            momentum, "momentum", owner, at_least=0.0, below=1.0
        )
        self.ramp_up_steps = checked_count(ramp_up_steps, "ramp_up_steps", owner)
        self._averages: list[Variable] = []

    @property
    def variables(self) -> list[Variable]:
        """The averaged weights."""
        return self._averages

    def bind(self, model: Any, tasks: TrainedTasks) -> None:
        """Make the averages; the first update sets them."""
        self._averages = [
            keras.Variable(
                ops.convert_to_numpy(v), trainable=False, name="mean_teacher"
            )
            for v in model.trainable_variables
        ]

    def prepare(self, step: Any, batch: Any) -> Any:
        """Return the batch with what the teacher says of it beside it."""
        kept = keep_values(step.model.trainable_variables)
        for (variable, _), average in zip(kept, self._averages, strict=True):
            step.plan.assign(variable, ops.convert_to_tensor(average))
        said = outputs_of(step, batch.x)
        said = {task: ops.stop_gradient(output) for task, output in said.items()}
        put_back(kept, step.plan.assign)
        return batch._replace(beside={**(batch.beside or {}), "mean_teacher": said})

    def terms(
        self, tasks: TrainedTasks, outputs: dict[str, Tensor], batch: Any
    ) -> list[Tensor | None]:
        """Return how far the student is from its average."""
        updates = ops.cast(tasks.updates(), "float32")
        passed = ops.minimum(updates / self.ramp_up_steps, 1.0)
        ramp = ops.exp(-5.0 * ops.square(1.0 - passed))
        # Before the first update there is nothing to have averaged.
        ramp = ops.where(updates > 0, ramp, 0.0)
        said = batch.beside["mean_teacher"]
        return [
            self.strength * ramp * ops.mean(distance(said[task], outputs[task]))
            for task, distance in zip(tasks.names, tasks.distances, strict=True)
        ]

    def after_update(self, step: Any, moved: Tensor) -> None:
        """Let the averages follow."""
        updates = ops.cast(step.plan.optimizer.iterations, "float32")
        momentum = ops.minimum(self.momentum, 1.0 - 1.0 / updates)
        momentum = ops.where(moved, momentum, 1.0)
        for average, variable in zip(
            self._averages, step.model.trainable_variables, strict=True
        ):
            kept, now = (ops.convert_to_tensor(v) for v in (average, variable))
            share = ops.cast(momentum, now.dtype)
            step.plan.assign(average, share * kept + (1.0 - share) * now)
