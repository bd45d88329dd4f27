"""The best of several decoders of each task."""

from typing import Any

import keras
import numpy as np

from polytask._keras_private import origin
from polytask.errors import UserError
from polytask.layers.pseudo_tasks import PseudoTasks
from polytask.losses import MemberLoss
from polytask.models.multi_task_model import MultiTaskModel
from polytask.training.labeled_loss import LabeledLoss, resolve_loss
from polytask.training.outputs import outputs_by_task
from polytask.training.targets import targets_by_task


def best_decoders(model: MultiTaskModel, x: Any, y: Any) -> MultiTaskModel:
    """Return a model with the best decoder of each task in place of `PseudoTasks`.

    Args:
        model: A compiled model with heads `polytask.layers.PseudoTasks` under
            `polytask.losses.MemberLoss`.
        x: Validation rows, as `predict` takes them.
        y: Their targets, as `fit` takes them; labels may be missing.

    Returns:
        The model, on the same trunk, with a `keras.layers.Dense` of the decoder with
        the least loss as head; other heads stay. It is not compiled.

    Raises:
        UserError: If no head is of several decoders, or a task with one has no label.

    Source:
        Meyerson and Miikkulainen, "Pseudo-task Augmentation: From Deep Multitask
        Learning to Intratask Sharing -- and Back", ICML 2018.

    Example:
        >>> import keras, numpy as np, polytask
        >>> inputs = keras.Input((4,))
        >>> h = keras.layers.Dense(8, "relu")(inputs)
        >>> heads = {t: polytask.layers.PseudoTasks(1, name=t)(h) for t in ("a", "b")}
        >>> model = polytask.MultiTaskModel(inputs, heads)
        >>> model.compile("sgd", loss=polytask.losses.MemberLoss("mse"))
        >>> x = np.ones((6, 4), "float32")
        >>> best = best_decoders(model, x, {"a": x[:, 0], "b": x[:, 1]})
        >>> best.task_outputs["a"].shape
        (None, 1)
    """
    outputs = dict(model.task_outputs)
    for task, losses in decoder_losses(model, x, y).items():
        layer, node, _ = origin(outputs[task])
        head = keras.layers.Dense(layer.units, layer.activation, name=layer.name)
        outputs[task] = head(node.input_tensors[0])
        head.set_weights(layer.decoder(int(np.argmin(losses))))
    return MultiTaskModel(model.input, outputs)


def decoder_losses(model: MultiTaskModel, x: Any, y: Any) -> dict[str, list[float]]:
    """Return the loss of each decoder, of the tasks that have several.

    Args:
        model: As in `best_decoders`.
        x: Rows, as `predict` takes them.
        y: Their targets, as `fit` takes them; labels may be missing.

    Raises:
        UserError: If no head is of several decoders, or a task with one has no label.
    """
    plan = model.step_plan
    layers = pseudo_tasks(model)
    targets = targets_by_task(y, plan.outputs, plan.graph.tasks)
    said = outputs_by_task(plan.outputs, model.predict(x, verbose=0))
    losses: dict[str, list[float]] = {}
    for task, loss in zip(plan.graph.tasks, plan.losses, strict=True):
        if task not in layers:
            continue
        one = LabeledLoss(resolve_loss(loss.loss.loss), loss.mask_value)
        losses[task] = []
        for decoder in range(layers[task].decoders):
            value, labels = one(targets[task], said[task][:, decoder])
            if not labels:
                raise UserError(
                    f'polytask compares the decoders of "{task}" by their loss, but no '
                    "row has a label of it."
                )
            losses[task].append(float(value))
    return losses


def pseudo_tasks(model: MultiTaskModel) -> dict[str, PseudoTasks]:
    """Return the heads of several decoders, by task.

    Args:
        model: A compiled model.

    Raises:
        UserError: If there is none.
    """
    plan = model.step_plan
    layers = {}
    for task, loss in zip(plan.graph.tasks, plan.losses, strict=True):
        layer = origin(model.task_outputs[task]).operation
        if isinstance(layer, PseudoTasks) and isinstance(loss.loss, MemberLoss):
            layers[task] = layer
    if not layers:
        raise UserError(
            "Decoders are compared of heads polytask.layers.PseudoTasks under "
            "polytask.losses.MemberLoss; no task has them."
        )
    return layers
