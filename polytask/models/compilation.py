"""From the arguments of `compile` to what the train step needs."""

import math
import numbers
import warnings
from dataclasses import dataclass
from typing import Any

import keras

from polytask import balancing
from polytask._keras_private import all_layers, learning_rate_schedule
from polytask.balancing import Balancer
from polytask.errors import UserError, one_of
from polytask.knob import Knob
from polytask.layers.preference import Preference
from polytask.models.calibrated_tasks import check_calibrated
from polytask.models.compile_forms import (
    loss_weights_by_task,
    losses_by_task,
    metrics_by_task,
)
from polytask.models.knobs import model_knobs
from polytask.models.labeled_metric import LabeledMean, LabeledMetric
from polytask.models.penalties import assign_penalties
from polytask.models.row_mixing import checked_mixing
from polytask.models.training_regularizers import checked_regularizers
from polytask.models.weight_decay import assign_weight_decay
from polytask.optimizers.multi_task_optimizer import MultiTaskOptimizer
from polytask.optimizers.update_rules import UpdateRules
from polytask.training import assign
from polytask.training.aggregation import (
    Aggregation,
    check_aggregation,
    keeps_rows,
)
from polytask.training.labeled_loss import LabeledLoss
from polytask.training.step_plan import StepPlan
from polytask.training.task_graph import (
    TaskGraph,
    build_task_graph,
    dropout_before_batch_norm,
)


@dataclass(frozen=True, eq=False)
class CompileOptions:
    """The arguments of `MultiTaskModel.compile`, as the user gave them."""

    optimizer: Any
    loss: Any
    loss_weights: Any
    metrics: Any
    weighted_metrics: Any
    run_eagerly: bool
    steps_per_execution: int
    jit_compile: bool | str
    auto_scale_loss: bool
    balancer: Any
    task_structure: Any
    penalties: str
    weight_decay: Any
    head_gradients: str
    mask_value: int
    jacobian: str
    clip_task_gradients: float | None
    mixup: Any
    regularizers: Any


@dataclass(eq=False)
class CompiledTasks:
    """The outcome of `compile_tasks`.

    A plain object: Keras would track lists of metrics and variables in attributes of
    the model as parts of it, and again at each `compile`.

    Attributes:
        plan: What the train step needs.
        balancer: The user's balancer, which acts unless one task is alone.
        optimizer: What Keras compiles with: the wrapper, or a loss-scale optimizer
            around it.
        user_optimizer: What the user passed.
        metrics: Task → metrics, or None.
        knobs: The knobs of penalties, decay, loss weights and the learning rate's
            schedule; those that a layer holds itself are its variables already.
    """

    plan: StepPlan
    balancer: Balancer
    optimizer: keras.optimizers.Optimizer
    user_optimizer: keras.optimizers.Optimizer
    metrics: dict[str, list[LabeledMetric]] | None
    knobs: list[Knob]

    def directions(self) -> dict[str, str]:
        """Return, for what `fit` logs of each task, whether it should fall or rise."""
        found = {f"{task}_loss": "min" for task in self.plan.graph.tasks}
        for task, metrics in (self.metrics or {}).items():
            for metric in metrics:
                way = {"up": "max", "down": "min"}.get(str(metric._direction))
                if way is not None:
                    found[f"{task}_{metric.name}"] = way
        return found


def compile_tasks(model: Any, options: CompileOptions) -> CompiledTasks | None:
    """Check the arguments of `MultiTaskModel.compile` and put them together.

    Args:
        model: The model.
        options: The arguments.

    Returns:
        The compiled tasks, or None where no task has a loss.

    Raises:
        UserError: If an argument is wrong.
    """
    one_of("penalties", options.penalties, ("proximal", "gradient"))
    one_of("head_gradients", options.head_gradients, ("own", "weighted"))
    _check_mask_value(options.mask_value)
    names = model.task_names
    losses = losses_by_task(model, options.loss)
    if not losses:
        _refuse_without_loss(options, names)
        return None
    _warn_of_dropout(model)
    tasks = list(losses)
    graph = build_task_graph(model, tasks)
    balancer = balancing.get(options.balancer) or balancing.Equal()
    _check_balancer(balancer, graph)
    clip = options.clip_task_gradients
    check_aggregation(balancer, options.jacobian, clip, bool(graph.tied))
    _check_clipping(clip, graph)
    user_optimizer = _optimizer(options.optimizer)
    wrapper, outer = _wrapped(user_optimizer)
    inner = wrapper.inner_optimizer
    regularizers = checked_regularizers(options.regularizers, inner, balancer)
    mixup = checked_mixing(model, options.mixup, tasks, balancer, regularizers)
    check_calibrated(model, losses, mixup)
    assigned = assign_penalties(
        model, graph, inner, options.task_structure, options.penalties
    )
    shapes = tuple(tuple(v.shape) for v in graph.shared)
    balancer.build(len(tasks), tuple(tasks), shapes)
    _let_preferences_follow(model, balancer)
    acting = balancer
    if len(tasks) == 1:
        # One task alone has nothing to be balanced with.
        acting = balancing.Equal()
        acting.build(1)
    wrapper.attach(
        UpdateRules(
            num_tasks=len(tasks),
            owners=graph.owners,
            groups=assigned.groups,
            decayed=assign_weight_decay(model, graph, inner, options.weight_decay),
            balancer=balancer,
            step_state=list(mixup.variables) if mixup is not None else [],
            assign=assign,
        )
    )
    factors = loss_weights_by_task(model, options.loss_weights, tasks)
    trackers = [LabeledMean(name=f"{task}_loss") for task in tasks]
    size = sum(math.prod(shape) for shape in shapes)
    metrics = metrics_by_task(
        model, losses, options.mask_value, options.metrics, options.weighted_metrics
    )
    plan = StepPlan(
        graph=graph,
        outputs=tuple(names),
        losses=tuple(LabeledLoss(losses[task], options.mask_value) for task in tasks),
        loss_weights=tuple(factors.values()),
        aggregation=Aggregation(
            acting, keeps_rows(options.jacobian, len(tasks), size), clip
        ),
        optimizer=wrapper,
        penalties=assigned.by_gradient,
        own_head_gradients=options.head_gradients == "own",
        structures=assigned.structures,
        trackers=tuple(trackers) if len(tasks) > 1 else (),
        metrics=tuple(metric for each in metrics.values() for metric in each),
        mixup=mixup,
        # What the others say of the rows must be known before there are more of them.
        regularizers=tuple(sorted(regularizers, key=lambda each: each.doubles)),
        units=tuple(model.task_outputs[task].shape[-1] for task in tasks),
    )
    for regularizer in regularizers:
        regularizer.bind(model, plan.trained)
        wrapper.rules.step_state += regularizer.variables
    schedule = learning_rate_schedule(inner)
    knobs = model_knobs(
        model,
        [
            *(structure for structure, _ in assigned.structures),
            *([schedule] if schedule is not None else []),
        ],
        [*plan.loss_weights, *(entry.rate for entry in wrapper.rules.decayed)],
    )
    return CompiledTasks(
        plan=plan,
        balancer=balancer,
        optimizer=outer,
        user_optimizer=user_optimizer,
        metrics=metrics or None,
        knobs=knobs,
    )


def _check_mask_value(value: Any) -> None:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise UserError(
            "mask_value must be the integer that marks a missing label; found "
            f"{value!r}. Among floats a missing label is NaN."
        )


def _warn_of_dropout(model: Any) -> None:
    for before, after in dropout_before_batch_norm(model):
        warnings.warn(
            f'Dropout "{before}" comes before batch normalization "{after}": the '
            "variance that the batch norm sees then differs between training and "
            "inference. Put dropout after the last batch norm (Li et al., 2019).",
            # Where the user compiles.
            stacklevel=4,
        )


def _check_clipping(clip: Any, graph: TaskGraph) -> None:
    if clip is not None and not graph.shared:
        raise UserError(
            "clip_task_gradients limits the tasks' gradients of shared variables, but "
            "no variable is upstream of two tasks. Use the optimizer's clipnorm."
        )


def _optimizer(identifier: Any) -> Any:
    optimizer = keras.optimizers.get(identifier)
    if optimizer is None:
        raise UserError(
            'optimizer must be an optimizer of Keras or its name, such as "adam"; '
            "found None."
        )
    return optimizer


def refuse_overridden(model: keras.Model, base: type) -> None:
    """Refuse methods of a subclass that the train step would leave out.

    Args:
        model: The model.
        base: `MultiTaskModel`.

    Raises:
        UserError: If there are such methods.
    """
    own: Any = type(model)
    if own.train_step is not base.train_step:  # type: ignore[attr-defined]
        return
    for name, instead in (("call", "a layer"), ("compute_loss", "a loss by task")):
        if getattr(own, name) is not getattr(base, name):
            raise UserError(
                f"{own.__name__} defines {name}(), but MultiTaskModel trains on the "
                "graph and the losses of its tasks and would not call it. Make it "
                f"{instead}, or define train_step() as well."
            )


def _refuse_without_loss(options: CompileOptions, tasks: list[str]) -> None:
    """Refuse what acts on trained tasks where there are none."""
    for name in (
        "loss_weights",
        "task_structure",
        "weight_decay",
        "clip_task_gradients",
        "mixup",
        "regularizers",
    ):
        value = getattr(options, name)
        empty = isinstance(value, (list, tuple, dict)) and not value
        if value is not None and not empty:
            raise UserError(
                f"{name} is given, but no task has a loss. Pass loss={{task: loss}} "
                f"with one of the tasks {', '.join(tasks)}."
            )


def _let_preferences_follow(model: Any, balancer: Balancer) -> None:
    """Train the layers that take the preference on what the balancer draws.

    Raises:
        UserError: If such a layer is for another number of tasks.
    """
    drawn = None
    if isinstance(balancer, balancing.COSMOS) and balancer.concentration is not None:
        drawn = balancer.ray
    for layer in all_layers(model):
        if not isinstance(layer, Preference):
            continue
        if layer.num_tasks != balancer.num_tasks:
            raise UserError(
                f'Preference "{layer.name}" is for {layer.num_tasks} tasks, but '
                f"{balancer.num_tasks} tasks have a loss."
            )
        layer.follow(drawn)


def _check_balancer(balancer: Balancer, graph: TaskGraph) -> None:
    """Refuse a balancer that has nothing to balance."""
    name = type(balancer).__name__
    if balancer.requires == "losses" or len(graph.tasks) == 1:
        return
    if not graph.shared:
        raise UserError(
            f"{name} balances the gradients of shared variables, "
            "but no variable is upstream of two tasks: there is nothing to balance. "
            'Use balancer="equal", or let the tasks share a layer.'
        )
    if balancer.consistency and len(graph.live) != 1:
        ends = ", ".join(graph.trunk.outputs[i].name for i in graph.live)
        raise UserError(
            f"{name} turns the heads to the gradient of one representation, but the "
            f"shared part ends in {len(graph.live)}: {ends}. Use consistency=0."
        )
    shared = {id(v) for v in graph.shared}
    for task, head in zip(graph.tasks, graph.heads, strict=True):
        upstream = keras.Model(
            graph.trunk.input, [graph.trunk.outputs[i] for i in head.reads]
        )
        found = {id(v) for v in upstream.trainable_variables}
        found |= {id(v) for v in (head.model.trainable_variables if head.model else [])}
        if not shared & found:
            raise UserError(
                f'Task "{task}" shares no variable with another task, so '
                f"{name} has nothing to balance for it. Let it "
                "read a shared layer, train it in a model of its own, or use "
                'balancer="equal".'
            )


def _wrapped(
    optimizer: keras.optimizers.Optimizer,
) -> tuple[MultiTaskOptimizer, keras.optimizers.Optimizer]:
    """Return the wrapper, and the optimizer that Keras is given."""
    scaling = keras.optimizers.LossScaleOptimizer
    scales = isinstance(optimizer, scaling)
    innermost = optimizer.inner_optimizer if scales else optimizer
    if isinstance(innermost, MultiTaskOptimizer):
        raise UserError(
            "This optimizer already belongs to a MultiTaskModel. Pass a new one, for "
            "example keras.optimizers.Adam()."
        )
    wrapper = MultiTaskOptimizer(innermost)
    if not scales:
        return wrapper, wrapper
    # Loss scaling must stay outside: it leaves steps out, and so must the prox.
    outer = scaling(
        wrapper,
        initial_scale=optimizer.initial_scale,
        dynamic_growth_steps=optimizer.dynamic_growth_steps,
        name=optimizer.name,
    )
    return wrapper, outer
