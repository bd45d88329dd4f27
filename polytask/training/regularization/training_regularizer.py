"""What a regularizer of the training can do."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from polytask._export import polytask_export
from polytask._types import Tensor, Variable
from polytask.training.output_distance import OutputDistance


@dataclass(frozen=True, eq=False)
class TrainedTasks:
    """The tasks of a training, as a regularizer sees them.

    Attributes:
        names: The tasks with a loss, T of them.
        distances: For each how far two of its outputs are apart.
        updates: Returns the number of updates so far.
    """

    names: tuple[str, ...]
    distances: tuple[OutputDistance, ...]
    updates: Callable[[], Any]


@polytask_export("polytask.training.TrainingRegularizer")
class TrainingRegularizer:
    """A technique that acts in the train step: one entry of `compile(regularizers=)`.

    A subclass overrides the methods for the places where it acts; the others leave the
    step as it is.

    Attributes:
        twice: Whether a step has a second forward pass with the same random numbers.
        each_batch: Whether it acts on the gradient of every batch, so that it does not
            go together with gradient accumulation.
        in_losses: Whether it adds to the losses of tasks.
        doubles: Whether it puts a second half behind the rows of a batch, with which
            it compares the first. There can be one such, and it comes last.
        savable: Whether a file can hold it.
        averages: Whether it goes together with a moving average of the weights.
        variables: State that travels with the optimizer, such as that of a seed.

    Example:
        >>> class Halved(TrainingRegularizer):
        ...     def of_gradients(self, step, gradients):
        ...         return [gradient / 2 for gradient in gradients]
    """

    twice: ClassVar[bool] = False
    each_batch: ClassVar[bool] = False
    in_losses: ClassVar[bool] = False
    doubles: ClassVar[bool] = False
    savable: ClassVar[bool] = True
    averages: ClassVar[bool] = True

    @property
    def variables(self) -> list[Variable]:
        """State that travels with the optimizer."""
        return []

    def bind(self, model: Any, tasks: TrainedTasks) -> None:
        """Check that the regularizer fits a model.

        Args:
            model: The model that is compiled.
            tasks: Its tasks.

        Raises:
            UserError: If it does not.
        """

    def prepare(self, step: Any, batch: Any) -> Any:
        """Return another batch to train on.

        Args:
            step: The passes of the step.
            batch: A `polytask.training.batch.Batch`; what `terms` needs of it
                goes to its dict `beside`.
        """
        return batch

    def label_shares(self, tasks: TrainedTasks) -> Tensor | None:
        """Return the (T,) factors of the losses of labels; None for 1."""
        return None

    def terms(
        self, tasks: TrainedTasks, outputs: dict[str, Tensor], batch: Any
    ) -> list[Tensor | None]:
        """Return what is added to the loss of each task.

        It is part of the loss: a balancer sees it, and a task that has one is present
        whether or not there is a label.

        Args:
            tasks: The tasks.
            outputs: Task → output.
            batch: What `prepare` returned.

        Returns:
            T scalars, each a mean over the rows; None for a task that has no term.
        """
        return [None] * len(tasks.names)

    def penalty_gradients(
        self, step: Any, batch: Any, heads: Any
    ) -> list[Tensor] | None:
        """Return the gradient of a penalty that no balancer sees; None for none.

        Args:
            step: The `polytask.training.autodiff.Autodiff` of the step.
            batch: What `prepare` returned.
            heads: The `polytask.training.heads_result.HeadsResult` of the batch.

        Returns:
            This replica's part of the gradient of each trainable variable, times the
            scale of the loss.
        """
        return None

    def of_gradients(self, step: Any, gradients: list[Tensor]) -> list[Tensor]:
        """Return this replica's part of other gradients.

        Args:
            step: The `polytask.training.autodiff.Autodiff` of the step.
            gradients: This replica's part of the gradient of each trainable variable,
                times the scale of the loss.
        """
        return gradients

    def after_update(self, step: Any, moved: Tensor) -> None:
        """Do what is done once the weights are new.

        Args:
            step: The passes of the step.
            moved: Whether they are: not so on the micro-steps of gradient accumulation.
        """

    def keeps_zeros(self, variable: Variable) -> bool:
        """Return whether what is zero in a variable is to stay so.

        Args:
            variable: A trainable variable.
        """
        return False

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        arguments = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in arguments if name != "self"}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TrainingRegularizer":
        """Make the regularizer from its configuration."""
        return cls(**config)

    def __repr__(self) -> str:
        config = self.get_config().items()
        arguments = ", ".join(f"{name}={value!r}" for name, value in config)
        return f"{type(self).__name__}({arguments})"


def whole_gradients(step: Any, gradients: list[Tensor]) -> list[Tensor]:
    """Return the gradients of the global batch, not scaled.

    Args:
        step: The passes of the step.
        gradients: This replica's parts, dense.
    """
    scale = step.scale
    return [g / scale for g in step.replicas.sum(gradients)]
