"""Train a network on a mixture of sources, and measure it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from face_augmentation import Augmented, Warped
from face_data import Rows
from face_network import Variant, build, compile_network
from face_scores import scores

from polytask.callbacks import TaskEarlyStopping
from polytask.training.task_mixture import TaskMixture

BATCH = 256


@dataclass(frozen=True)
class Size:
    """How much is trained; of each source that `rows` names, so many are drawn."""

    rows: dict[str, int]
    epochs: int
    batch_size: int = 32
    rate: float = 3e-3
    patience: int = 4


PART = Size({"mtfl": 1500, "youtube": 900, "olivetti": 236}, 6)
QUICK = Size({"mtfl": 200, "youtube": 120, "olivetti": 80}, 1)


def train(
    variant: Variant,
    tasks: Sequence[str],
    rows: Rows,
    held: Rows,
    size: Size,
    seed: int,
) -> tuple[keras.Model, dict[str, Any]]:
    """Return a trained network, and what its training was like.

    The validation rows `held` are looked at by early stopping alone.
    """
    keras.utils.set_random_seed(seed)
    mixture = _mixture(variant, rows, size.batch_size, seed)
    model = build(variant, tasks, len(rows))
    compile_network(model, variant, size.rate, size.epochs * len(mixture))
    # Of faces in new videos the cross-entropy rises while more and more are known.
    watched = {task: f"val_{task}_loss" for task in tasks}
    if "identity" in tasks:
        watched["identity"] = "val_identity_accuracy"
    stopping = TaskEarlyStopping(watched, patience=size.patience)
    early = variant.early_stopping
    history = model.fit(
        mixture,
        epochs=size.epochs,
        validation_data=_mixture(variant, held, BATCH, seed).all_rows()
        if early
        else None,
        callbacks=[stopping] if early else [],
        verbose=0,
    ).history
    curves = {name: [float(v) for v in values] for name, values in history.items()}
    return model, {"history": curves, "stopped": stopping.stopped_tasks}


def _mixture(variant: Variant, rows: Rows, batch_size: int, seed: int) -> TaskMixture:
    mixture = Warped if variant.warped else Augmented
    options: dict[str, Any] = {"temperature": variant.temperature, "seed": seed}
    if not variant.source_norm:
        return mixture(rows, batch_size, **options)
    named = {source: ({"picture": x}, y) for source, (x, y) in rows.items()}
    return mixture(named, batch_size, source_input="source", **options)


def predict(
    model: keras.Model, rows: Rows, order: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Return source → task → output.

    Args:
        model: A trained network.
        rows: Source → (pictures, labels).
        order: The sources in the order of training.
    """
    sizes = [len(x) for x, _ in rows.values()]
    # Batches of one size: compiled backends compile for each size anew.
    blank = np.zeros((-sum(sizes) % BATCH, *next(iter(rows.values()))[0].shape[1:]))
    pictures = np.concatenate([*(x for x, _ in rows.values()), blank.astype("float32")])
    inputs: Any = pictures
    if len(model.inputs) > 1:
        index = np.zeros(len(pictures), "int32")
        index[: sum(sizes)] = np.repeat([list(order).index(s) for s in rows], sizes)
        inputs = {"picture": pictures, "source": index}
    outputs = model.predict(inputs, batch_size=BATCH, verbose=0)
    ends = np.cumsum(sizes)
    return {
        source: {task: values[end - size : end] for task, values in outputs.items()}
        for source, size, end in zip(rows, sizes, ends, strict=True)
    }


def measured(
    model: keras.Model, parts: dict[str, Rows], order: Sequence[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return split → task → metric → value."""
    return {p: scores(predict(model, rows, order), rows) for p, rows in parts.items()}
