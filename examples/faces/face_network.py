"""One convolutional network for all tasks, or for one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from face_data import BINARY, IDENTITIES, SIZE
from keras import layers

from polytask import MultiTaskModel
from polytask.layers import TaskBatchNormalization

TASKS = ("face", "box", "landmarks", "identity", "gender", "smile", "glasses", "pose")
# Task → units, activation and loss; that of places is the variant's.
OUTPUTS = {
    "box": (4, None, None),
    "landmarks": (10, None, None),
    "identity": (IDENTITIES, "softmax", "sparse_categorical_crossentropy"),
    "pose": (5, "softmax", "sparse_categorical_crossentropy"),
    **dict.fromkeys(("face", *BINARY), (1, "sigmoid", "binary_crossentropy")),
}
# Places are learned as offsets from the mean of the training rows, in units of their
# typical spread.
MEANS = {
    "box": (0.29, 0.36, 0.71, 0.73),
    "landmarks": (0.35, 0.36, 0.65, 0.36, 0.50, 0.53, 0.38, 0.67, 0.62, 0.67),
}
SPREAD = 0.1


@dataclass(frozen=True)
class Shape:
    """How large a network is.

    Args:
        convolutions: Channels, kernel and stride of each.
        features: Units of the trunk's last layer.
        tower: Units of each task's own layer; identity has none.
    """

    convolutions: tuple[tuple[int, int, int], ...]
    features: int
    tower: int


SMALL = Shape(((12, 5, 2), (24, 3, 2), (48, 3, 2), (48, 3, 1)), 96, 24)
LARGE = Shape(((16, 5, 2), (48, 3, 2), (96, 3, 2), (96, 3, 1)), 128, 64)


@dataclass(frozen=True)
class Variant:
    """How a network is trained; the defaults are the unregularized network.

    A `large` network adds to a convolution what it took, where both have one shape.
    `places` is the loss of boxes and landmarks, and `warped` says that pictures are
    turned, scaled and erased as well. A `temperature` above 1 draws small sources more
    often.
    """

    name: str
    balancer: str = "equal"
    loss_weights: Mapping[str, float] = field(default_factory=dict)
    weight_decay: float = 0.0
    l2: float = 0.0
    dropout: float = 0.0
    source_norm: bool = False
    early_stopping: bool = False
    large: bool = False
    places: str = "mse"
    warped: bool = False
    temperature: float = 1.0


def build(variant: Variant, tasks: Sequence[str], sources: int) -> MultiTaskModel:
    """Return the network: a trunk of convolutions, and a small tower for each task."""

    def penalty() -> Any:
        return keras.regularizers.L2(variant.l2) if variant.l2 else None

    shape = LARGE if variant.large else SMALL
    picture = keras.Input((SIZE, SIZE, 1), name="picture")
    source = keras.Input((), dtype="int32", name="source")
    x = layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False)(picture)
    for channels, kernel, stride in shape.convolutions:
        before = x
        x = layers.Conv2D(
            channels,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_regularizer=penalty(),
        )(x)
        if variant.source_norm:
            x = TaskBatchNormalization(sources, momentum=0.9)(x, source)
        else:
            x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("silu")(x)
        if variant.large and x.shape == before.shape:
            x = layers.Add()([before, x])
    x = layers.Flatten()(x)
    x = layers.Dense(shape.features, use_bias=False, kernel_regularizer=penalty())(x)
    x = layers.Activation("silu")(layers.BatchNormalization(momentum=0.9)(x))
    if variant.dropout:
        x = layers.Dropout(variant.dropout)(x)
    outputs = {}
    for task in tasks:
        units, activation, _ = OUTPUTS[task]
        tower = x
        if task != "identity":
            tower = layers.Dense(
                shape.tower,
                "silu",
                name=f"{task}_tower",
                kernel_regularizer=penalty(),
            )(x)
        places = task in MEANS
        output = layers.Dense(
            units,
            activation,
            name=f"{task}_offset" if places else task,
            kernel_regularizer=penalty(),
        )(tower)
        if places:
            output = layers.Rescaling(SPREAD, MEANS[task], name=task)(output)
        outputs[task] = output
    inputs = {"picture": picture, "source": source} if variant.source_norm else picture
    return MultiTaskModel(inputs, outputs)


def compile_network(
    model: MultiTaskModel, variant: Variant, rate: float, steps: int
) -> None:
    """Compile with Adam, whose rate falls to zero in a half cosine over `steps`.

    A large network's rate rises from a tenth over the first twentieth.
    """
    rates = keras.optimizers.schedules.CosineDecay(rate, steps)
    if variant.large:
        rising = steps // 20
        rates = keras.optimizers.schedules.CosineDecay(
            0.1 * rate, steps - rising, warmup_target=rate, warmup_steps=rising
        )
    optimizer = keras.optimizers.Adam(rates, weight_decay=variant.weight_decay or None)
    # Scales, shifts and biases are left alone, as is usual.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(
        optimizer,
        loss={
            task: variant.places if task in MEANS else OUTPUTS[task][2]
            for task in model.task_names
        },
        metrics={task: ["accuracy"] for task in model.task_names if task == "identity"},
        loss_weights={
            task: weight
            for task, weight in variant.loss_weights.items()
            if task in model.task_names
        },
        balancer=variant.balancer,
    )
