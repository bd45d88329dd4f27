"""What the train step needs of a backend."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Protocol, Self

from keras import ops

from polytask._types import Tensor, Variable
from polytask.numeric.namespace import concrete
from polytask.optimizers.kept_values import (
    KeptValues,
    keep_values,
    put_back,
    put_back_unless,
)
from polytask.training.batch import Batch
from polytask.training.forward import TrunkResult, run_heads, run_trunk
from polytask.training.heads_result import (
    HeadsResult,
    batch_losses,
    gather,
)
from polytask.training.replicas import Replicas
from polytask.training.step_plan import StepPlan
from polytask.training.task_gradients import HeadGradients, TaskGradients


class TrainedModel(Protocol):
    """What the train step needs of a compiled `MultiTaskModel`."""

    optimizer: Any
    jit_compile: bool | str

    @property
    def step_plan(self) -> StepPlan:
        """What is fixed at compile time."""

    @property
    def trainable_variables(self) -> list[Variable]:
        """Variables that gradients move."""

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Batch statistics and random states."""

    @property
    def losses(self) -> list[Tensor]:
        """Penalties of the last forward pass and of the weights."""

    @property
    def metrics(self) -> list[Any]:
        """Keras metrics."""

    @property
    def metrics_variables(self) -> list[Variable]:
        """Their state."""

    def __call__(self, x: Any, training: bool) -> dict[str, Tensor]:
        """Return the outputs by task."""

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any
    ) -> dict[str, Any]:
        """Update the metrics of the tasks and return all results."""

    def get_metrics_result(self) -> dict[str, Any]:
        """Return all results."""


class Autodiff(ABC):
    """The passes of one train step, in one framework.

    Used in this order: `trunk`, `heads`, then gradients in any order, then `commit`.

    Args:
        model: The model that is trained.
        replicas: The replicas that hold the rest of the batch.

    Attributes:
        plan: The step's plan.
        scale: The factor by which a loss-scale optimizer scales the losses.
        active: (T,) 1 where the task trains, 0 where it is stopped.
    """

    def __init__(self, model: TrainedModel, replicas: Replicas) -> None:
        self.model = model
        self.replicas = replicas
        self.plan = model.step_plan
        self.scale = model.optimizer.scale_loss(1.0)
        self.active = ops.convert_to_tensor(self.plan.optimizer.active)

    @abstractmethod
    def again(self) -> Self:
        """Return new passes, for the weights as they are now."""

    @abstractmethod
    def trunk(self, x: Any) -> TrunkResult:
        """Run the trunk."""

    @abstractmethod
    def heads(self, trunk: TrunkResult, batch: Batch) -> HeadsResult:
        """Run the heads on copies of the trunk's end, where gradients stop."""

    @abstractmethod
    def head_gradients(self, index: int, private: bool = True) -> HeadGradients:
        """Return the gradients of `HeadsResult.differentiated[index]`, scaled.

        Args:
            index: Which entry.
            private: Whether those of private variables are needed.
        """

    @abstractmethod
    def task_gradients(
        self, heads: HeadGradients, halves: list[HeadGradients]
    ) -> TaskGradients:
        """Return the tasks' gradients, with the ways through the trunk."""

    @abstractmethod
    def activity_gradient(self, factor: Tensor) -> list[Tensor]:
        """Return the gradient of the trunk's activity penalty, times a factor."""

    @abstractmethod
    def gradient(
        self, function: Callable[[list[Tensor]], Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradient of a scalar function of some variables."""

    @abstractmethod
    def input_gradient(
        self, function: Callable[[list[Tensor]], Tensor], values: list[Tensor]
    ) -> list[Tensor]:
        """Return the gradient of a scalar function that moves no state.

        Args:
            function: From tensors, such as inputs, to a scalar.
            values: Where the gradient is taken.
        """

    @abstractmethod
    def slope_gradient(
        self,
        targets: Callable[[Tensor], list[Tensor]],
        penalty: Callable[[list[Tensor]], Tensor],
        x: Tensor,
    ) -> list[Tensor]:
        """Return the gradient of a penalty on gradients: differentiate twice.

        Args:
            targets: From an input to scalars, by the trainable variables; moves no
                state.
            penalty: From the gradient of each target at the input to a scalar.
            x: The input.

        Returns:
            The gradient of each trainable variable of the model.
        """

    def apply(self, gradients: list[Tensor]) -> None:
        """Let the optimizer make the update."""
        self.model.optimizer.apply(gradients, self.model.trainable_variables)

    def losses(self, outputs: dict[str, Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the (T,) losses of this replica's rows, and their (T,) numbers.

        Args:
            outputs: Task → output.
            batch: The rows.
        """
        return batch_losses(self.plan, outputs, batch, batch.sample_weight)

    def commit(
        self, taken: Tensor, update: Callable[[], None], kept: KeptValues
    ) -> None:
        """Make an update, or leave no trace of the step.

        Args:
            taken: Whether the update is made, a bool scalar.
            update: Makes it.
            kept: What the step moved so far, with the values from before it.
        """
        known = concrete(taken)
        if known is None:
            self.commit_traced(taken, update, kept)
        elif known:
            update()
        else:
            put_back(kept, self.plan.assign)

    def commit_traced(
        self, taken: Tensor, update: Callable[[], None], kept: KeptValues
    ) -> None:
        """Do what `commit` does where `taken` is known only later.

        Makes the update, and then puts everything back, without a branch.
        """
        optimizer = self.model.optimizer
        moving = keep_values([*self.model.trainable_variables, *optimizer.variables])
        update()
        put_back_unless(taken, moving + kept, self.plan.assign)

    @contextlib.contextmanager
    def before_the_step(self, kept: KeptValues) -> Iterator[None]:
        """Return to the random numbers and statistics of the step for a while.

        Args:
            kept: Variables with their values from before the step.
        """
        now = keep_values(variable for variable, _ in kept)
        put_back(kept, self.plan.assign)
        try:
            yield
        finally:
            put_back(now, self.plan.assign)


class RecordedAutodiff(Autodiff):
    """The passes where a framework records operations and gradients go back to tensors.

    A subclass says how: `recording`, `leaf` and `gradients`.
    """

    @abstractmethod
    def recording(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which operations are recorded."""

    @abstractmethod
    def leaf(self, tensor: Tensor) -> Tensor:
        """Return a copy of a tensor, at which gradients stop."""

    @abstractmethod
    def gradients(
        self, targets: list[Tensor], sources: list[Tensor], seeds: list[Tensor]
    ) -> list[Tensor]:
        """Return one gradient for each source, zeros where nothing depends on it.

        Args:
            targets: What is differentiated.
            sources: With respect to what.
            seeds: The cotangent of each target.
        """

    def trunk(self, x: Any) -> TrunkResult:
        """See `Autodiff.trunk`."""
        with self.recording():
            self.trunk_result = run_trunk(self.plan, x)
        return self.trunk_result

    def heads(self, trunk: TrunkResult, batch: Batch) -> HeadsResult:
        """See `Autodiff.heads`."""
        tasks = self.plan.graph.tasks
        with self.recording():
            self.copies = [[self.leaf(end) for end in self.ends] for _ in tasks]
            outputs, penalties = run_heads(self.plan, trunk, self.active, self.copies)
            self.result = gather(
                self.plan, outputs, penalties, batch, self.active, self.replicas
            )
        return self.result

    @property
    def ends(self) -> list[Tensor]:
        """The tensors at the trunk's end that gradients flow through."""
        return [self.trunk_result.boundary[i] for i in self.plan.graph.live]

    @property
    def parameters(self) -> list[Tensor]:
        """The shared variables, as sources of gradients."""
        return [v.value for v in self.plan.graph.shared]

    def head_gradients(self, index: int, private: bool = True) -> HeadGradients:
        """See `Autodiff.head_gradients`."""
        graph = self.plan.graph
        target = self.result.differentiated[index]
        groups = list(self.copies)
        if private:
            groups += [[v.value for v in graph.private[task]] for task in graph.tasks]
        seed = ops.ones_like(target) * self.scale
        sources = [source for group in groups for source in group]
        found = iter(self.gradients([target], sources, [seed]))
        parts = [[next(found) for _ in group] for group in groups]
        count = len(self.copies)
        return HeadGradients(parts[:count], parts[count:], self._tied(target))

    def _tied(self, target: Tensor) -> list[list[Tensor]]:
        """Return the gradients of the tied variables, for each entry of the target."""
        tied = [v.value for v in self.plan.graph.tied]
        if not tied:
            return []
        if target.shape:
            seeds = ops.unstack(ops.eye(target.shape[0]) * self.scale)
        else:
            seeds = [ops.ones_like(target) * self.scale]
        return [self.gradients([target], tied, [seed]) for seed in seeds]

    def activity_gradient(self, factor: Tensor) -> list[Tensor]:
        """See `Autodiff.activity_gradient`."""
        activity = self.trunk_result.activity
        seed = ops.ones_like(activity) * factor
        return self.gradients([activity], self.parameters, [seed])

    def gradient(
        self, function: Callable[[list[Tensor]], Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """See `Autodiff.gradient`."""
        values = [v.value for v in variables]
        with self.recording():
            result = function(values)
        return self.gradients([result], values, [ops.ones_like(result)])
