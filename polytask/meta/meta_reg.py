"""A penalty that is learned on tasks held out."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._types import Tensor
from polytask.errors import UserError
from polytask.meta.inner_loop import InnerLoop
from polytask.models.multi_task_model import MultiTaskModel
from polytask.regularizers import WeightedL1
from polytask.training.functional import (
    compiled_step,
    losses_at,
    value_and_gradients,
    values_of,
)
from polytask.training.labels import labeled
from polytask.training.targets import targets_by_task


def learn_regularizer(
    model: MultiTaskModel,
    x: Any,
    y: Any,
    rounds: int = 200,
    inner_steps: int = 3,
    inner_rate: float = 0.05,
    rate: float = 0.01,
    batch_size: int = 32,
    seed: int = 0,
) -> list[WeightedL1]:
    """Learn the L1 of heads with which a task generalizes to the others: MetaReg.

    In each round the head θ of one task a takes l gradient steps of size α on
    L_a(θ) + Σ φᵢ |θᵢ|, and φ follows the gradient of the loss of its end on another
    task b, L_b, through all these steps: φ ← max(φ - η ∂L_b/∂φ, 0). φ begins at 0, and
    a and b are drawn anew. The tasks are domains of one problem, with heads and losses
    alike; the model is trained before and is not changed. (The paper goes on training
    it between the rounds.)

    Args:
        model: A trained, compiled model.
        x: Its training rows, one array.
        y: Their targets, as `fit` takes them; a task is learned from its labeled rows.
        rounds: Updates of φ. Default: 200.
        inner_steps: l. Default: 3.
        inner_rate: α, above 0. Default: 0.05.
        rate: η, above 0. Default: 0.01.
        batch_size: Rows of a and of b in a round, drawn with replacement. Default: 32.
        seed: Of what is drawn.

    Returns:
        A penalty for each kernel of a head, in their order: the `kernel_regularizer` of
        the heads of a new model.

    Raises:
        UserError: If a number is out of range, there are fewer than two tasks, their
            heads or losses differ, or one has no label.

    Source:
        Balaji, Sankaranarayanan and Chellappa, "MetaReg: Towards Domain Generalization
        using Meta-Regularization", NeurIPS 2018.

    Example:
        >>> import polytask
        >>> inputs = keras.Input((4,))
        >>> h = keras.layers.Dense(8, "tanh")(inputs)
        >>> heads = {t: keras.layers.Dense(1)(h) for t in ("north", "south")}
        >>> model = polytask.MultiTaskModel(inputs, heads)
        >>> model.compile("sgd", loss="mse")
        >>> x = np.ones((6, 4), "float32")
        >>> targets = {"north": x[:, 0], "south": x[:, 1]}
        >>> learn_regularizer(model, x, targets, rounds=2)
        [WeightedL1(strength=1.0, shape=(8, 1))]
    """
    owner = "learn_regularizer"
    for value, name in ((rounds, "rounds"), (inner_steps, "inner_steps")):
        checked_count(value, name, owner)
    checked_count(batch_size, "batch_size", owner)
    inner_rate = checked_number(inner_rate, "inner_rate", owner, above=0.0)
    rate = checked_number(rate, "rate", owner, above=0.0)
    plan = model.step_plan
    tasks = plan.graph.tasks
    _check_alike(model)
    targets = targets_by_task(y, plan.outputs, tasks)
    rows = [
        _labeled_rows(task, targets[task], loss.mask_value)
        for task, loss in zip(tasks, plan.losses, strict=True)
    ]
    first = plan.graph.private[tasks[0]]
    kernels = [place for place, v in enumerate(first) if len(v.shape) > 1]
    loop = InnerLoop(tuple(range(len(first))), inner_steps)
    rates = [inner_rate] * len(first)

    def loss_on(values: Sequence[Tensor], batch: Any) -> Tensor:
        # Heads are alike, so the first stands for each of them.
        features, labels = batch
        losses, _ = losses_at(
            model, first, values, (features, dict.fromkeys(tasks, labels))
        )
        return losses[0]

    def learned(
        strengths: list[Tensor], start: list[Tensor], own: Any, other: Any
    ) -> list[Tensor]:
        def outer(strengths: list[Tensor]) -> tuple[Tensor, tuple[()]]:
            def inner(values: list[Tensor], _: int) -> Tensor:
                penalty = [
                    ops.sum(strength * ops.abs(values[place]))
                    for place, strength in zip(kernels, strengths, strict=True)
                ]
                return loss_on(values, own) + sum(penalty, ops.zeros(()))

            return loss_on(loop(inner, start, rates), other), ()

        _, slopes = value_and_gradients(outer, strengths)
        return [
            ops.maximum(strength - rate * slope, 0.0)
            for strength, slope in zip(strengths, slopes, strict=True)
        ]

    step = compiled_step(learned, [])
    strengths = [ops.zeros(first[place].shape) for place in kernels]
    rng = np.random.default_rng(seed)
    inputs = np.asarray(x)
    for _ in range(rounds):
        pair = rng.choice(len(tasks), 2, replace=False)
        chosen = [rng.choice(rows[task], batch_size) for task in pair]
        own, other = (
            (inputs[picked], np.asarray(targets[tasks[task]])[picked])
            for task, picked in zip(pair, chosen, strict=True)
        )
        start = values_of(plan.graph.private[tasks[pair[0]]])
        strengths = step(strengths, start, own, other)
    return [WeightedL1(ops.convert_to_numpy(strength)) for strength in strengths]


def _check_alike(model: MultiTaskModel) -> None:
    """Refuse tasks that are no domains of one problem."""
    plan = model.step_plan
    heads = {
        task: (
            [tuple(v.shape) for v in plan.graph.private[task]],
            head.reads,
            keras.losses.serialize(loss.loss),
        )
        for task, head, loss in zip(
            plan.graph.tasks, plan.graph.heads, plan.losses, strict=True
        )
    }
    first, *others = heads
    if not others:
        raise UserError(
            "learn_regularizer learns on one task what another needs; the model has "
            f'the task "{first}" alone.'
        )
    for task in others:
        if heads[task] != heads[first]:
            raise UserError(
                "learn_regularizer takes tasks that are domains of one problem, but "
                f'the heads or losses of "{first}" and "{task}" differ.'
            )


def _labeled_rows(task: str, target: Any, mask_value: int) -> np.ndarray:
    """Return the numbers of the rows with a label."""
    mask = np.asarray(ops.convert_to_numpy(labeled(target, mask_value)[0]))
    found = np.flatnonzero(mask.reshape(len(mask), -1).all(axis=1))
    if not len(found):
        raise UserError(f'learn_regularizer: task "{task}" has no row with a label.')
    return found
