"""Pictures with a piece of another."""

from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask._types import Tensor
from polytask.errors import UserError
from polytask.training.batch import Batch, Mixing
from polytask.training.mixup import Mixup


@polytask_export("polytask.training.CutMix")
class CutMix(Mixup):
    """Replaces a box of each picture by that of another: `compile(mixup=CutMix())`.

    With l from Beta(α, α) the sides of the box are √(1 - l) of those of the picture,
    around a point drawn evenly, as far as it is inside. λ is the share of pixels that
    stay, and losses are mixed as in `Mixup`: one box, λ and permutation for all tasks.
    A task with an output for each place of the picture has the box of its labels
    replaced instead, with their weights; a label that is missing stays so.

    Args:
        alpha: α, above 0. Default: 1.

    Raises:
        UserError: If α is out of range, or, in `compile`, the model has another input
            than one of pictures, (rows, height, width, channels), or a task has ordered
            classes.

    Source:
        Yun, Han, Oh, Chun, Choe and Yoo, "CutMix: Regularization Strategy to Train
        Strong Classifiers with Localizable Features", ICCV 2019.

    Example:
        >>> CutMix()
        CutMix(alpha=1.0)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha)
        self._dense: list[str] = []

    def bind(self, model: Any, tasks: list[str]) -> None:
        """See `Mixup.bind`."""
        super().bind(model, tasks)
        self._dense = [t for t in tasks if len(model.task_outputs[t].shape) == 4]

    def check_inputs(self, model: Any) -> None:
        """Check that the input is of pictures."""
        shapes = [tuple(x.shape) for x in model.inputs]
        last = keras.config.image_data_format() == "channels_last"
        if [len(shape) for shape in shapes] != [4] or not last:
            raise UserError(
                "CutMix cuts one input of pictures, (rows, height, width, channels); "
                f"found inputs of the shapes {', '.join(map(str, shapes))}, "
                f"{keras.config.image_data_format()}."
            )

    def mix(self, batch: Batch) -> Batch:
        """See `Mixup.mix`."""
        (x,) = map(ops.convert_to_tensor, keras.tree.flatten(batch.x))
        drawn = self.draw(ops.shape(x)[0])
        half = ops.sqrt(1.0 - drawn.share) / 2
        center = keras.random.uniform((2,), seed=self.random)
        order = drawn.order

        def cut(values: Any) -> Tensor:
            values = ops.convert_to_tensor(values)
            inside = _inside(values, center, half)
            return ops.where(inside, ops.take(values, order, axis=0), values)

        y, weights = dict(batch.y), dict(batch.sample_weight)
        for task in self._dense:
            labels = ops.convert_to_tensor(y[task])
            y[task] = cut(labels)
            weight = weights.get(task)
            if weight is not None:
                # That of a row becomes one of each of its places.
                places = labels[..., 0] if len(labels.shape) == 4 else labels
                weight = ops.cast(weight, "float32")
                while len(weight.shape) < len(places.shape):
                    weight = ops.expand_dims(weight, -1)
                weights[task] = cut(weight * ops.ones_like(places, "float32"))
        kept = 1.0 - ops.mean(ops.cast(_inside(x, center, half), "float32"))
        return batch._replace(
            x=keras.tree.pack_sequence_as(batch.x, [cut(x)]),
            y=y,
            sample_weight=weights,
            mixing=Mixing(kept, order, tuple(self._dense)),
        )


def _inside(values: Tensor, center: Tensor, half: Tensor) -> Tensor:
    """Return which places are inside the box, for values with rows before them.

    Args:
        values: (rows, height, width, ...).
        center: Of the box, as shares of height and width.
        half: Half of its sides.
    """
    height, width = ops.shape(values)[1], ops.shape(values)[2]

    def near(size: Any, at: Tensor) -> Tensor:
        places = ops.cast(ops.arange(size), "float32") + 0.5
        return ops.abs(places / ops.cast(size, "float32") - at) < half

    rows, columns = near(height, center[0]), near(width, center[1])
    inside = ops.expand_dims(rows[:, None] & columns[None, :], 0)
    for _ in range(len(values.shape) - 3):
        inside = ops.expand_dims(inside, -1)
    return inside
