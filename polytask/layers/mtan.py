"""One trunk, and for each task an attention mask on every level of it."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras

from polytask.errors import UserError
from polytask.layers._block import Make, make_levels
from polytask.layers.sharing import Sharing


class MTAN(Sharing):
    """Multi-task attention network: âₜ = σ(h(g([p; f(âₜ before)]))) ⊙ p on each level.

    p is the level's output, shared by the tasks. g and h act on the channels of each
    position (1 × 1 convolutions; dense layers for a table), with batch normalization; f
    is a 3-wide convolution and, where the trunk shrinks its pictures, average pooling
    (a dense layer for a table). All three are private to the task.

    The levels may be dense layers, or convolutional blocks in 1 to 3 dimensions
    (channels last, sizes known).

    Args:
        tasks: Task names.
        units: Widths of the trunk's dense layers. Defaults to (64, 64).
        activation: Their activation, and that of g and f.
        batch_norm: Whether g and h are batch-normalized, as in the paper. Defaults to
            True.
        make: For each level a function without arguments that returns a new layer,
            such as a block of convolutions.
        name: Prefix of the layers' names.

    Raises:
        UserError: If there is no level, a width is below 1, a task is named twice, or,
            when it is called, a level does not divide the size of the one before.

    Source:
        Liu, Johns and Davison, "End-to-End Multi-Task Learning with Attention", CVPR
        2019.

    Example:
        >>> import keras
        >>> blocks = [lambda: keras.layers.Conv2D(8, 3, strides=2, padding="same")] * 2
        >>> features = MTAN(["depth", "normal"], make=blocks)(keras.Input((32, 32, 3)))
        >>> features["depth"].shape
        (None, 8, 8, 8)
    """

    layered = True

    def __init__(
        self,
        tasks: Iterable[str],
        units: Sequence[int] = (64, 64),
        activation: Any = "relu",
        batch_norm: bool = True,
        make: Sequence[Make] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        self.activation = activation
        self.batch_norm = bool(batch_norm)
        self.trunk = make_levels(
            "MTAN", units, activation, make, self.layer_name("trunk")
        )
        # Their widths follow the trunk's, so they are made when it is called.
        self.attention: dict[tuple[int, int], Attention] = {}

    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Return each task's attended features of the last level.

        Args:
            inputs: Tensor that the trunk reads.

        Returns:
            Task → tensor.
        """
        attended: dict[str, Any] = {}
        shared = inputs
        for level, block in enumerate(self.trunk):
            shared = block(shared)
            for t, task in enumerate(self.tasks):
                if (t, level) not in self.attention:
                    self.attention[t, level] = Attention(
                        shared.shape,
                        attended[task].shape if level else None,
                        self.activation,
                        self.batch_norm,
                        self.layer_name("attention", t, level),
                    )
                attended[task] = self.attention[t, level](shared, attended.get(task))
        return attended


class Attention:
    """One task's attention on one level: g, h and f.

    Args:
        shape: Of the level's output.
        before: Of the level before, or None on the first.
        activation: Of g and f.
        batch_norm: Whether g and h are batch-normalized.
        name: Prefix of the layers' names, or None.
    """

    def __init__(
        self,
        shape: tuple[int | None, ...],
        before: tuple[int | None, ...] | None,
        activation: Any,
        batch_norm: bool,
        name: str | None,
    ) -> None:
        layers = keras.layers
        channels = shape[-1]

        def named(part: str) -> str | None:
            return name and f"{name}_{part}"

        self.carry = [] if before is None else _carry(shape, before, activation, named)
        self.mask = []
        for part, function in (("g", activation), ("h", "sigmoid")):
            self.mask.append(layers.Dense(channels, name=named(part)))
            if batch_norm:
                self.mask.append(layers.BatchNormalization(name=named(f"{part}_norm")))
            self.mask.append(layers.Activation(function, name=named(f"{part}_of")))
        self.join = layers.Concatenate(name=named("join"))
        self.multiply = layers.Multiply(name=named("attended"))

    def __call__(self, shared: Any, before: Any) -> Any:
        """Return the attended features."""
        mask = shared
        if before is not None:
            for layer in self.carry:
                before = layer(before)
            mask = self.join([shared, before])
        for layer in self.mask:
            mask = layer(mask)
        return self.multiply([mask, shared])


def _carry(shape: Any, before: Any, activation: Any, named: Any) -> list[Any]:
    """Return f: layers from the shape of one level to that of the next."""
    layers = keras.layers
    channels, rank = shape[-1], len(shape) - 2
    if rank == 0:
        return [layers.Dense(channels, activation, name=named("f"))]
    sizes = list(zip(before[1:-1], shape[1:-1], strict=False))
    if rank > 3 or len(before) != len(shape) or None in (*before[1:], *shape[1:]):
        raise UserError(
            "MTAN: the levels must be dense, or convolutions in 1 to 3 dimensions of "
            f"known size; found shapes {before} and {shape}."
        )
    if any(old % new for old, new in sizes):
        raise UserError(
            "MTAN: the size of a level must divide that of the level before; found "
            f"{before[1:-1]} and then {shape[1:-1]}."
        )
    convolution = (layers.Conv1D, layers.Conv2D, layers.Conv3D)[rank - 1]
    pooling = (
        layers.AveragePooling1D,
        layers.AveragePooling2D,
        layers.AveragePooling3D,
    )[rank - 1]
    carry = [
        convolution(channels, 3, padding="same", activation=activation, name=named("f"))
    ]
    ratio = tuple(old // new for old, new in sizes)
    if max(ratio) > 1:
        size = ratio if rank > 1 else ratio[0]
        carry.append(pooling(size, name=named("pool")))
    return carry
