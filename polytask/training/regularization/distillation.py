"""Learning from networks of single tasks, beside the labels."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask._types import Tensor
from polytask.errors import UserError, nearest
from polytask.training.outputs import output_paths, outputs_by_task
from polytask.training.regularization.training_regularizer import (
    TrainedTasks,
    TrainingRegularizer,
)


@polytask_export("polytask.training.Distillation")
class Distillation(TrainingRegularizer):
    """Teaches each task what a teacher, such as its own network, says of the rows.

    The loss of a task with a teacher is a l(y, ŷ) + (1 - a) τ² KL(p_T ‖ p), with both
    distributions at temperature τ, or a l(y, ŷ) + (1 - a) (ŷ - ŷ_T)² where outputs are
    no probabilities. With `annealing_steps` a rises to 1 over so many updates: the
    student begins with the teacher and ends with the labels. The teacher's part is a
    mean over all rows, those without a label too. It is part of the task's loss, so a
    balancer sees it; `<task>_loss` in the history is that of the labels alone.

    Teachers must have been trained on no other rows than the student, or validation
    rows tell nothing.

    Args:
        teachers: Task → a model that takes the student's inputs and gives the task's
            output, alone or by the task's name. Tasks without one learn from
            their labels alone.
        label_share: a at the start, at least 0 and below 1. Default: 0.5.
        annealing_steps: Updates until a is 1. Default: None: a stays.
        temperature: τ, above 0. Default: 1.

    Raises:
        UserError: If a number is out of range, or, in `compile`, a task is unknown or a
            teacher's output has another name or shape.

    Source:
        Clark, Luong, Khandelwal, Manning and Le, "BAM! Born-Again Multi-Task Networks
        for Natural Language Understanding", ACL 2019; Hinton, Vinyals and Dean,
        "Distilling the Knowledge in a Neural Network", 2015 (the temperature).

    Example:
        >>> import keras, polytask
        >>> x = keras.Input((2,))
        >>> teacher = keras.Model(x, keras.layers.Dense(1)(x))
        >>> h = keras.layers.Dense(3)(x)
        >>> heads = {t: keras.layers.Dense(1)(h) for t in ("a", "b")}
        >>> model = polytask.MultiTaskModel(x, heads)
        >>> taught = Distillation({"a": teacher}, annealing_steps=100)
        >>> model.compile("sgd", loss="mse", regularizers=[taught])
    """

    in_losses: ClassVar[bool] = True
    savable: ClassVar[bool] = False

    def __init__(
        self,
        teachers: Mapping[str, keras.Model],
        label_share: float = 0.5,
        annealing_steps: int | None = None,
        temperature: float = 1.0,
    ) -> None:
        owner = "Distillation"
        if not isinstance(teachers, Mapping) or not teachers:
            raise UserError(
                f"{owner}: teachers must be a dict from task to model; found "
                f"{teachers!r}."
            )
        self.teachers = dict(teachers)
        self.label_share = checked_number(
            label_share, "label_share", owner, at_least=0.0, below=1.0
        )
        self.annealing_steps = annealing_steps
        if annealing_steps is not None:
            checked_count(annealing_steps, "annealing_steps", owner)
        self.temperature = checked_number(temperature, "temperature", owner, above=0.0)

    def bind(self, model: Any, tasks: TrainedTasks) -> None:
        """Check that the teachers are of these tasks."""
        for task, teacher in self.teachers.items():
            if task not in tasks.names:
                raise UserError(
                    f'Distillation has a teacher of "{task}", which is no task with a '
                    f"loss.{nearest(task, tasks.names)}"
                )
            shape = _said(teacher, teacher.output, task).shape
            wanted = model.task_outputs[task].shape
            if shape != wanted:
                raise UserError(
                    f'The teacher of "{task}" has outputs of the shape {shape}; those '
                    f"of the student have {wanted}."
                )

    def prepare(self, step: Any, batch: Any) -> Any:
        """Return the batch with what the teachers say of it beside it."""
        said = {}
        answers: dict[int, Any] = {}
        for task, teacher in self.teachers.items():
            if id(teacher) not in answers:
                answers[id(teacher)] = teacher(batch.x, training=False)
            answer = _said(teacher, answers[id(teacher)], task)
            said[task] = ops.stop_gradient(answer)
        return batch._replace(beside={**(batch.beside or {}), "teachers": said})

    def label_shares(self, tasks: TrainedTasks) -> Tensor:
        """Return the (T,) factors of the labels' part."""
        share = self._share(tasks)
        taught = [task in self.teachers for task in tasks.names]
        return ops.where(ops.convert_to_tensor(taught), share, 1.0)

    def _share(self, tasks: TrainedTasks) -> Tensor:
        """Return a."""
        if self.annealing_steps is None:
            return ops.convert_to_tensor(self.label_share, "float32")
        passed = ops.cast(tasks.updates(), "float32") / self.annealing_steps
        return self.label_share + (1 - self.label_share) * ops.minimum(passed, 1.0)

    def terms(
        self, tasks: TrainedTasks, outputs: dict[str, Tensor], batch: Any
    ) -> list[Tensor | None]:
        """Return how far a student is from its teacher."""
        share = 1.0 - self._share(tasks)
        terms: list[Tensor | None] = []
        for task, distance in zip(tasks.names, tasks.distances, strict=True):
            if task not in self.teachers:
                terms.append(None)
                continue
            said = batch.beside["teachers"][task]
            far = ops.mean(distance(said, outputs[task], self.temperature))
            # Divided logits have gradients that are τ² times as small.
            scale = 1.0 if distance.kind == "values" else self.temperature**2
            terms.append(share * scale * far)
        return terms


def _said(teacher: keras.Model, output: Any, task: str) -> Any:
    """Return what a teacher says of a task, by its name where it has several."""
    if not keras.tree.is_nested(output):
        return output
    by_task = outputs_by_task(list(output_paths(teacher.output).values()), output)
    if task not in by_task:
        raise UserError(
            f'The teacher of "{task}" has outputs of other names: {", ".join(by_task)}.'
        )
    return by_task[task]
