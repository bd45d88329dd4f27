"""The same answer in the direction in which it would change most."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask._types import Tensor, Variable
from polytask.training.regularization.moved_input import (
    check_moved_input,
    in_columns,
    moved_input,
    outputs_at,
)
from polytask.training.regularization.training_regularizer import (
    TrainedTasks,
    TrainingRegularizer,
)

# How far from a row the direction is looked for, in units of the inputs. The paper's
# 1e-6 would leave a few digits of single precision to the change of a number.
_PROBE = 1e-1


@polytask_export("polytask.training.VAT")
class VAT(TrainingRegularizer):
    """Adds how far outputs move along the worst direction of the inputs.

    For each row, d is the direction in which the sum over tasks of KL(p(x) ‖ p(x + d))
    grows most, found by power iteration from a random start. The loss of each task gets
    a KL(p(x) ‖ p(x + r d / ‖d‖)), or a squared distance where outputs are no
    probabilities, a mean over all rows, those without a label too; p(x) is not moved by
    it. The moved rows are a second half of the batch, without labels. A step costs
    about three.

    Directions are for standardized numbers. A one-hot code has none: name the columns
    that may move.

    Args:
        strength: a, above 0. Default: 1.
        radius: r, above 0, in units of the inputs. Default: 1.
        columns: Indices of the columns of the input that may move; None for all.
        iterations: Power iterations. Default: 1.

    Raises:
        UserError: If a number is out of range, or, in `compile`, the model has several
            inputs or one of integers.

    Source:
        Miyato, Maeda, Koyama and Ishii, "Virtual Adversarial Training", IEEE TPAMI
        2019.

    Example:
        >>> VAT(radius=0.5)
        VAT(strength=1.0, radius=0.5, columns=None, iterations=1)
    """

    in_losses: ClassVar[bool] = True
    doubles: ClassVar[bool] = True

    def __init__(
        self,
        strength: float = 1.0,
        radius: float = 1.0,
        columns: Sequence[int] | None = None,
        iterations: int = 1,
    ) -> None:
        self.strength = checked_number(strength, "strength", "VAT", above=0.0)
        self.radius = checked_number(radius, "radius", "VAT", above=0.0)
        self.columns = None if columns is None else [int(c) for c in columns]
        self.iterations = checked_count(iterations, "iterations", "VAT")
        self.random = keras.random.SeedGenerator()

    @property
    def variables(self) -> list[Variable]:
        """The state of the random numbers."""
        return [self.random.state]

    def bind(self, model: Any, tasks: TrainedTasks) -> None:
        """Check the input."""
        check_moved_input("VAT", model, self.columns)

    def prepare(self, step: Any, batch: Any) -> Any:
        """Return the batch with the moved rows as a second half, without labels."""
        x = moved_input(batch)
        tasks = step.plan.trained
        said = outputs_at(step, batch, x)

        def change(moved: list[Tensor]) -> Tensor:
            outputs = outputs_at(step, batch, moved[0])
            distances = [
                ops.sum(distance(ops.stop_gradient(said[task]), outputs[task]))
                for task, distance in zip(tasks.names, tasks.distances, strict=True)
            ]
            return sum(distances, ops.zeros(()))

        direction = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.random)
        for _ in range(self.iterations):
            direction = self._unit(direction)
            (direction,) = step.input_gradient(change, [x + _PROBE * direction])
        moved = x + self.radius * ops.stop_gradient(self._unit(direction))
        return self._with_second_half(batch, x, moved)

    def terms(
        self, tasks: TrainedTasks, outputs: dict[str, Tensor], batch: Any
    ) -> list[Tensor | None]:
        """Return how far outputs move with the rows."""
        terms: list[Tensor | None] = []
        for task, distance in zip(tasks.names, tasks.distances, strict=True):
            half = ops.shape(outputs[task])[0] // 2
            still, moved = outputs[task][:half], outputs[task][half:]
            far = ops.mean(distance(ops.stop_gradient(still), moved))
            terms.append(self.strength * far)
        return terms

    def _unit(self, direction: Tensor) -> Tensor:
        """Return the directions of the rows, of length 1, in the columns that move."""
        direction = in_columns(direction, self.columns)
        axes = tuple(range(1, len(direction.shape)))
        size = ops.max(ops.abs(direction), axis=axes, keepdims=True)
        # Of tiny numbers the squares would be zero.
        direction = direction / ops.where(size > 0, size, 1.0)
        norm = ops.sqrt(ops.sum(ops.square(direction), axis=axes, keepdims=True))
        return direction / ops.where(norm > 0, norm, 1.0)

    def _with_second_half(self, batch: Any, x: Tensor, moved: Tensor) -> Any:
        rows = ops.shape(x)[0]

        def twice(values: Any) -> Any:
            return (
                None
                if values is None
                else ops.concatenate([ops.convert_to_tensor(values)] * 2)
            )

        weights = {}
        for task in batch.y:
            given = batch.sample_weight.get(task)
            kept = ops.ones((rows,)) if given is None else ops.cast(given, "float32")
            weights[task] = ops.concatenate([kept, ops.zeros_like(kept)])
        mixing = batch.mixing
        if mixing is not None:
            order = ops.concatenate([mixing.order, mixing.order + rows])
            mixing = mixing._replace(order=order)
        return batch._replace(
            x=keras.tree.pack_sequence_as(batch.x, [ops.concatenate([x, moved])]),
            y={task: twice(values) for task, values in batch.y.items()},
            sample_weight=weights,
            mixing=mixing,
            beside=keras.tree.map_structure(twice, batch.beside, none_is_leaf=True),
        )
