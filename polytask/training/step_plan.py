"""What a train step needs to know, fixed at compile time."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import keras
from keras import ops

from polytask._types import Assign, Tensor, Variable
from polytask.balancing import Balancer
from polytask.knob import Knob
from polytask.optimizers.kernel_stack import stack_kernels
from polytask.optimizers.multi_task_optimizer import MultiTaskOptimizer
from polytask.regularizers import TaskStructure
from polytask.training.aggregation import Aggregation
from polytask.training.gradient_penalty import GradientPenalty
from polytask.training.labeled_loss import LabeledLoss
from polytask.training.mixup import Mixup
from polytask.training.output_distance import OutputDistance
from polytask.training.regularization import SAM, TrainedTasks, TrainingRegularizer
from polytask.training.task_graph import TaskGraph


@dataclass(frozen=True, eq=False)
class StepPlan:
    """What is fixed at compile time.

    Attributes:
        graph: The trunk and the heads.
        outputs: Names of all outputs of the model, also of those without a loss.
        losses: The loss of each task, in the order of `graph.tasks`.
        loss_weights: The user's factor of each task's loss, a number or a knob.
        aggregation: How the gradients of the shared variables are combined.
        optimizer: The wrapper, inside of a `LossScaleOptimizer` where there is one.
        penalties: The penalties that act through their gradient.
        own_head_gradients: Whether heads get their own task's gradient unweighted.
        structures: The task structures with the kernels they couple.
        trackers: The mean of each task's loss; none for a single task, as in Keras.
        metrics: The metrics of all tasks.
        records_gradients: Whether each task's gradient is computed and recorded, also
            for a balancer that does not need it.
        class_weights: Task → class → weight of a row in training.
        mixup: How rows are mixed in training, or None.
        regularizers: What acts in the step beside the loss.
        units: The number of columns of each task's output.
    """

    graph: TaskGraph
    outputs: tuple[str, ...]
    losses: tuple[LabeledLoss, ...]
    loss_weights: tuple[float | Knob, ...]
    aggregation: Aggregation
    optimizer: MultiTaskOptimizer
    penalties: list[GradientPenalty]
    own_head_gradients: bool
    structures: list[tuple[TaskStructure, list[Variable]]]
    trackers: tuple[keras.metrics.Metric, ...] = ()
    metrics: tuple[keras.metrics.Metric, ...] = ()
    records_gradients: bool = False
    class_weights: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    mixup: Mixup | None = None
    regularizers: tuple[TrainingRegularizer, ...] = ()
    units: tuple[int, ...] = ()

    @property
    def num_tasks(self) -> int:
        """Number of tasks."""
        return len(self.graph.tasks)

    @property
    def balancer(self) -> Balancer:
        """The balancer that acts."""
        return self.aggregation.balancer

    @property
    def sam(self) -> SAM | None:
        """What chooses the weights where gradients are taken, if not those trained."""
        return next((r for r in self.regularizers if isinstance(r, SAM)), None)

    def keeps_zeros(self, variable: Variable) -> bool:
        """Return whether what is zero in a variable was set to zero, and stays so.

        Args:
            variable: A trainable variable.
        """
        shrunken = {id(v) for v in self.optimizer.rules.shrunken}
        return id(variable) in shrunken or any(
            regularizer.keeps_zeros(variable) for regularizer in self.regularizers
        )

    @property
    def terms(self) -> list[TrainingRegularizer]:
        """What adds to the losses of tasks."""
        return [r for r in self.regularizers if r.in_losses]

    @functools.cached_property
    def trained(self) -> TrainedTasks:
        """The tasks, as regularizers of the training see them."""
        names = self.graph.tasks
        return TrainedTasks(
            names=tuple(names),
            distances=tuple(
                OutputDistance.of_loss(loss.loss, units)
                for loss, units in zip(self.losses, self.units, strict=True)
            ),
            updates=lambda: self.optimizer.iterations,
        )

    @property
    def runs_twice(self) -> bool:
        """Whether a step has a second forward pass with the same random numbers."""
        balancer = self.balancer
        again = balancer.needs_next_losses or bool(balancer.consistency)
        return again or any(regularizer.twice for regularizer in self.regularizers)

    @property
    def loss_factors(self) -> Tensor:
        """The (T,) factors of the losses, with the present values of knobs."""
        if not any(isinstance(weight, Knob) for weight in self.loss_weights):
            return ops.convert_to_tensor(self.loss_weights, "float32")
        return ops.stack([ops.cast(w, "float32") for w in self.loss_weights])

    @property
    def assign(self) -> Assign:
        """How a variable gets a value that all replicas have computed alike."""
        return self.optimizer.rules.assign

    @property
    def balancing_state(self) -> list[Variable]:
        """What balancing moves before it is known whether the step is taken.

        Balancers of the gradients themselves see to that on their own: their state may
        be as large as T gradients.
        """
        balancer = self.balancer
        state = [] if balancer.requires == "jacobian" else balancer.variables
        return [*state, *self.recorded]

    @property
    def records(self) -> bool:
        """Whether a step notes how far the tasks' gradients conflict."""
        known = self.balancer.requires == "gramian" or self.records_gradients
        return known and self.num_tasks > 1

    @property
    def recorded(self) -> list[Variable]:
        """Where it does that."""
        optimizer = self.optimizer
        return [optimizer.norm_sums, optimizer.pair_sums] if self.records else []

    @property
    def tied_at(self) -> list[int]:
        """Positions of the tied variables among the shared ones."""
        position = {id(v): index for index, v in enumerate(self.graph.shared)}
        return [position[id(v)] for v in self.graph.tied]

    @property
    def penalized(self) -> list[Variable]:
        """The variables of `penalties`, once each."""
        every = [v for penalty in self.penalties for v in penalty.variables]
        return list({id(v): v for v in every}.values())

    def stacks(self) -> list[Tensor]:
        """Return for each task structure the stack of kernels it acts on, float32."""
        return [
            stack_kernels(
                [ops.cast(ops.convert_to_tensor(v), "float32") for v in kernels],
                structure,
            )
            for structure, kernels in self.structures
        ]

    def structure_value(self) -> Tensor:
        """Return the value of all task structures on the current weights."""
        total = ops.zeros((), "float32")
        for (structure, _), stack in zip(self.structures, self.stacks(), strict=True):
            total = total + structure(stack)
        return total
