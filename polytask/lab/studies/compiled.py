"""The compiled network of one training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from polytask import Knob, balancing, regularizers
from polytask.lab.kinds import Task
from polytask.lab.studies.families import instantiate
from polytask.lab.studies.inputs import (
    adapt_embedding,
    embedded_columns,
    numeric_columns,
    value_edges,
)
from polytask.lab.studies.network import build_network, of_task
from polytask.lab.studies.training_regularizers import (
    Teachers,
    training_regularizers,
)
from polytask.lab.tables import FeatureColumns, Split
from polytask.layers.numeric_embedding import has_value_edges
from polytask.losses import RegularizedCrossentropy
from polytask.models import MultiTaskModel
from polytask.optimizers import CosineSchedule
from polytask.training import ManifoldMixup, Mixup
from polytask_options import Budget, Network, Settings

#: Options of the losses of tasks with classes.
OF_CLASSES = ("label_smoothing", "focusing", "confidence_penalty")

_STEPS = "schedule_steps"


def compiled(
    tasks: tuple[Task, ...],
    rows: Split,
    columns: FeatureColumns,
    network: Network,
    budget: Budget,
    settings: Settings,
    first: int = 0,
    teachers: Teachers = MappingProxyType({}),
) -> MultiTaskModel:
    """Return the compiled network of a training.

    Args:
        tasks: The tasks to train on.
        rows: The training rows.
        columns: The table's columns behind those of the design matrix.
        network: Widths and activation.
        budget: Epochs, batch size and learning rate.
        settings: The regularization; strengths and rates may be knobs.
        first: Number of the first task among those of the data.
        teachers: Task → its own network, for a variant with distillation; none where
            the network is only looked at.
    """
    numbers = numeric_columns(rows.x, network)
    network = _with_value_edges(rows.x, numbers, network)
    features = rows.x.shape[1]
    model = build_network(tasks, features, network, settings, numbers, columns, first)
    adapt_embedding(model, rows.x)
    coupled = len(tasks) > 1
    average: dict[str, Any] = {}
    if settings.ema:
        average = {"use_ema": True, "ema_momentum": settings.ema}
    model.compile(
        optimizer=keras.optimizers.Adam(_learning_rate(budget, len(rows)), **average),
        weight_decay=settings.weight_decay or None,
        loss={task.name: _loss(task, settings) for task in tasks},
        loss_weights=_loss_weights(tasks, settings) if coupled else None,
        balancer=_member(balancing, settings.balancer) if coupled else "equal",
        task_structure=_member(regularizers, settings.task_structure)
        if coupled
        else None,
        clip_task_gradients=settings.clip_task_gradients or None,
        mixup=_mixup(settings),
        regularizers=training_regularizers(
            settings, tasks, rows.x, teachers, _steps(budget, len(rows))
        ),
    )
    return model


class Beginning:
    """A network of `compiled` as it begins, to which it can return after training.

    Trained again, it needs no new program: what compiling a step costs is what training
    on a few hundred rows costs.

    Args:
        model: Compiled, and with the values it is to begin with.
    """

    def __init__(self, model: MultiTaskModel) -> None:
        self.model = model
        # Builds the optimizer.
        model.make_train_function()
        self.values = [
            (variable, np.array(keras.ops.convert_to_numpy(variable)))
            for variable in (*model.variables, *model.optimizer.variables)
        ]

    def again(self, rows: Split, network: Network, budget: Budget) -> bool:
        """Let the model begin anew on other rows, if its program can be kept.

        Args:
            rows: The training rows.
            network: What the model was made from.
            budget: Epochs and batch size; the rest as before.

        Returns:
            Whether it did: not if other columns are embedded now or have no longer
            edges at their values, if batches have another size, or if something of the
            training was made from the rows.
        """
        embedded = embedded_columns(self.model)
        if self.model.step_plan.regularizers:
            return False
        if embedded != numeric_columns(rows.x, network):
            return False
        needed = _with_value_edges(rows.x, embedded, network).embedding_values
        if needed != value_edges(self.model):
            return False
        for variable, value in self.values:
            variable.assign(value)
            if isinstance(variable, Knob) and variable.name == _STEPS:
                variable.assign(_steps(budget, len(rows)))
        adapt_embedding(self.model, rows.x)
        return True


def _with_value_edges(
    x: np.ndarray, numbers: Sequence[int], network: Network
) -> Network:
    """Return the network without edges at values, where no column would have them."""
    bins, values = network.embedding_bins, network.embedding_values
    if any(has_value_edges(x[:, column], bins, values) for column in numbers):
        return network
    # The embedding would hold room for them.
    return replace(network, embedding_values=0)


def _steps(budget: Budget, rows: int) -> int:
    return budget.epochs * (rows // min(budget.batch_size, rows))


def _learning_rate(budget: Budget, rows: int) -> Any:
    if budget.schedule == "constant":
        return budget.learning_rate
    steps = Knob(_steps(budget, rows), name=_STEPS)
    return CosineSchedule(budget.learning_rate, steps)


def _loss(task: Task, settings: Settings) -> Any:
    """Return the loss of a task, with what acts on its labels."""
    options: dict[str, Any] = {
        name: of_task(getattr(settings, name), task.name) for name in OF_CLASSES
    }
    if not task.rules.has_classes or not any(options.values()):
        return task.rules.training_loss()
    return RegularizedCrossentropy(**options)


def _mixup(settings: Settings) -> Mixup | None:
    if not settings.mixup:
        return None
    kind = ManifoldMixup if settings.mixup_at == "hidden" else Mixup
    return kind(settings.mixup)


def _loss_weights(tasks: tuple[Task, ...], settings: Settings) -> dict[str, Any]:
    weights = settings.loss_weights
    if not isinstance(weights, Mapping):
        return {task.name: weights for task in tasks}
    return {task.name: weights.get(task.name, 1.0) for task in tasks}


def _member(family: Any, options: dict[str, Any] | None) -> Any:
    if options is None:
        return "equal" if family is balancing else None
    return instantiate(family, options)
