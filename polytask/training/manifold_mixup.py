"""Rows mixed within the network."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask._keras_private import all_layers
from polytask.errors import UserError
from polytask.training.batch import Batch, Mixing
from polytask.training.mixup import Mixup, pair
from polytask.training.outputs import tensors_by_task


@polytask_export("polytask.training.ManifoldMixup")
class ManifoldMixup(Mixup):
    """Mixes rows at a random layer of the trunk: `compile(mixup=ManifoldMixup())`.

    The layers are marked by `polytask.layers.MixupPoint`. In each step one of them, or
    the inputs, is drawn, evenly, and there λ a + (1 - λ) b takes the place of what the
    layer puts out; λ, the permutation and the losses are those of `Mixup`, one for all
    tasks.

    Args:
        alpha: α, above 0. Default: 2.
        inputs: Whether rows may be mixed before the first layer too, as in the paper.
            Default: True; an input of integers takes False.

    Raises:
        UserError: If α is out of range, or, in `compile`, the model has no
            `MixupPoint`, one that not all tasks depend on, integers that would be
            mixed, or a task with ordered classes; or if it is beside a regularizer of
            the training that asks the network about the rows as they are.

    Source:
        Verma, Lamb, Beckham, Najafi, Mitliagkas, Lopez-Paz and Bengio, "Manifold Mixup:
        Better Representations by Interpolating Hidden States", ICML 2019.

    Example:
        >>> import keras, polytask
        >>> x = keras.Input((4,))
        >>> h = polytask.layers.MixupPoint()(keras.layers.Dense(8, "relu")(x))
        >>> heads = {t: keras.layers.Dense(1)(h) for t in ("a", "b")}
        >>> model = polytask.MultiTaskModel(x, heads)
        >>> model.compile("sgd", loss="mse", mixup=ManifoldMixup(2.0))
    """

    def __init__(self, alpha: float = 2.0, inputs: bool = True) -> None:
        super().__init__(alpha)
        self.inputs = bool(inputs)
        self._points: list[Any] = []

    def bind(self, model: Any, tasks: list[str]) -> None:
        """See `Mixup.bind`; find the points."""
        super().bind(model, tasks)
        self._points = [x for x in all_layers(model) if getattr(x, "mixes_rows", False)]
        if not self._points:
            raise UserError(
                "ManifoldMixup mixes at layers polytask.layers.MixupPoint; the model "
                "has none. Put one behind each shared layer that may be mixed."
            )
        for task, output in tensors_by_task(model.output).items():
            if task not in tasks:
                continue
            known = {
                id(layer) for layer in all_layers(keras.Model(model.input, output))
            }
            for point in self._points:
                if id(point) not in known:
                    raise UserError(
                        f'MixupPoint "{point.name}" must be upstream of every task, as '
                        f'all losses are mixed; "{task}" does not depend on it.'
                    )

    def check_inputs(self, model: Any) -> None:
        """Check that there is a mean of two inputs, if they are mixed."""
        if self.inputs:
            super().check_inputs(model)

    def mix(self, batch: Batch) -> Batch:
        """See `Mixup.mix`; where is drawn as well."""
        mixing = self.draw(ops.shape(keras.tree.flatten(batch.x)[0])[0])
        places = len(self._points) + self.inputs
        # The last place is before the first layer.
        place = keras.random.randint((), 0, places, seed=self.random)
        mixing = mixing._replace(place=place)
        if not self.inputs:
            return batch._replace(mixing=mixing)
        there = _at(mixing, len(self._points))
        x = keras.tree.map_structure(lambda rows: pair(rows, there), batch.x)
        return batch._replace(x=x, mixing=mixing)

    @contextlib.contextmanager
    def inside(self, mixing: Mixing) -> Iterator[None]:
        """See `Mixup.inside`."""
        for index, point in enumerate(self._points):
            point.follow(functools.partial(pair, mixing=_at(mixing, index)))
        try:
            yield
        finally:
            for point in self._points:
                point.follow(None)


def _at(mixing: Mixing, place: int) -> Mixing:
    """Return how rows are mixed at a place: not at all where another was drawn."""
    here = ops.equal(mixing.place, place)
    return mixing._replace(share=ops.where(here, mixing.share, 1.0))
