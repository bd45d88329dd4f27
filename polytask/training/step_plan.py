"""What a train step needs to know, fixed at compile time."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from polytask.knob import Knob
from polytask.optimizers.kernel_stack import stack_kernels
from polytask.optimizers.multi_task_optimizer import MultiTaskOptimizer
from polytask.regularizers import TaskStructure
from polytask.training.aggregation import Aggregation
from polytask.training.gradient_penalty import GradientPenalty
from polytask.training.labeled_loss import TaskLoss
from polytask.training.task_graph import TaskGraph


@dataclass(frozen=True, eq=False)
class StepPlan:
    """What is fixed at compile time.

    Attributes:
        graph: The trunk and the heads.
        losses: The loss of each task, in the order of `graph.tasks`.
        loss_weights: The user's factor of each task's loss, a number or a knob.
        balancer: The balancer.
        aggregation: How the gradients of the shared variables are combined.
        optimizer: The wrapper, inside of a `LossScaleOptimizer` where there is one.
        penalties: The penalties that act through their gradient.
        own_head_gradients: Whether heads get their own task's gradient unweighted.
        structures: The task structures with the kernels they couple.
        records_gradients: Whether each task's gradient is computed and recorded, also
            for a balancer that does not need it.
        scales_loss: Whether the loss is scaled, against underflow in half precision.
    """

    graph: TaskGraph
    losses: tuple[TaskLoss, ...]
    loss_weights: tuple[Any, ...]
    balancer: Any
    aggregation: Aggregation
    optimizer: MultiTaskOptimizer
    penalties: list[GradientPenalty]
    own_head_gradients: bool
    structures: list[tuple[TaskStructure, list[keras.Variable]]]
    records_gradients: bool = False
    scales_loss: bool = False

    @property
    def num_tasks(self) -> int:
        """Number of tasks."""
        return len(self.graph.tasks)

    @property
    def loss_factors(self) -> Any:
        """The (T,) factors of the losses, with the present values of knobs."""
        if not any(isinstance(weight, Knob) for weight in self.loss_weights):
            return ops.convert_to_tensor(self.loss_weights, "float32")
        return ops.stack([ops.cast(w, "float32") for w in self.loss_weights])

    @property
    def checks_gradients(self) -> bool:
        """Whether a step whose gradient is not finite is left out."""
        return self.optimizer.plan.may_fail and not self.scales_loss

    @property
    def tied_at(self) -> list[int]:
        """Positions of the tied variables among the shared ones."""
        position = {id(v): index for index, v in enumerate(self.graph.shared)}
        return [position[id(v)] for v in self.graph.tied]

    @property
    def penalized(self) -> list[keras.Variable]:
        """The variables of `penalties`, once each."""
        found = [v for penalty in self.penalties for v in penalty.variables]
        return list({id(v): v for v in found}.values())

    def stacks(self) -> list[Any]:
        """Return for each task structure the stack of kernels it acts on, float32."""
        return [
            stack_kernels(
                [ops.cast(ops.convert_to_tensor(v), "float32") for v in kernels],
                structure,
            )
            for structure, kernels in self.structures
        ]

    def structure_value(self) -> Any:
        """Return the value of all task structures on the current weights."""
        total = ops.zeros((), "float32")
        for (structure, _), stack in zip(self.structures, self.stacks(), strict=True):
            total = total + structure(stack)
        return total
