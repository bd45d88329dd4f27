"""Batches from several data sets, each with labels for its own tasks."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from polytask._checks import checked_count
from polytask.errors import UserError
from polytask.training.mixture_source import (
    ONLY,
    Arrays,
    MixtureSource,
    blanks,
    read_source,
)


class TaskMixture(keras.utils.PyDataset):
    """Mixes per-task data sets into batches that one network trains on.

    A data set is drawn with probability p ∝ nᵝ, where n is its number of rows and
    β = 1 / temperature: 1 keeps the sizes' proportions, infinity draws all data sets
    alike. Every batch holds every data set in its proportion, up to one row, so that
    batch normalization sees the mixture in each batch and its moving statistics are
    those of the mixture; batches of one task after the other would give neither.
    Within a data set the rows come in random order, each once before any again.

    What a row does not have is masked: a label is NaN (float) or `mask_value`
    (integer), which `MultiTaskModel` leaves out; an input is zero.

    Args:
        sources: Name → (inputs, {task: labels}). Inputs are an array, or a dict of
            arrays by input name; the first axis is the rows. Tasks and named inputs
            may differ between data sets.
        batch_size: Rows of a batch.
        temperature: From 1, the data sets' own proportions, to `math.inf`, all alike;
            below 1 large sets get more than their share. Default: 1.
        steps_per_epoch: Batches of an epoch. Default: as many as hold the rows of all
            data sets once.
        source_input: Name of a further integer input (rows,) with the index of the
            row's data set, for layers that treat data sets apart. Default: none.
        mask_value: The missing integer label. Default: -1, as in `MultiTaskModel`.
        seed: Of everything random; batches do not depend on the backend.
        **kwargs: Arguments of `keras.utils.PyDataset`, such as `workers`.

    Raises:
        UserError: If a data set is empty, lengths or shapes do not agree, or an
            argument is out of range.

    Source:
        Colin Raffel et al., 2020, "Exploring the Limits of Transfer Learning with a
        Unified Text-to-Text Transformer" (temperature-scaled mixing).

    Example:
        >>> import numpy as np
        >>> mixture = TaskMixture(
        ...     {
        ...         "books": (np.ones((90, 4)), {"books": np.ones(90)}),
        ...         "music": (np.ones((10, 4)), {"music": np.zeros(10)}),
        ...     },
        ...     batch_size=10,
        ... )
        >>> x, y = mixture[0]
        >>> x.shape, int(np.isnan(y["music"]).sum())
        ((10, 4), 9)
    """

    def __init__(
        self,
        sources: Mapping[str, tuple[Any, Mapping[str, Any]]],
        batch_size: int,
        temperature: float = 1.0,
        steps_per_epoch: int | None = None,
        source_input: str | None = None,
        mask_value: int = -1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not sources:
            raise UserError("A mixture needs at least one data set.")
        owner = "TaskMixture"
        batch_size = checked_count(batch_size, "batch_size", owner)
        if steps_per_epoch is not None:
            checked_count(steps_per_epoch, "steps_per_epoch", owner)
        self.sources = [read_source(name, source) for name, source in sources.items()]
        self.batch_size = batch_size
        self.probabilities = _probabilities(self.sources, temperature)
        total = sum(map(len, self.sources))
        self.steps = steps_per_epoch or max(1, total // batch_size)
        self.source_input = source_input
        self.inputs, self.labels = blanks(self.sources, mask_value)
        if source_input is not None and {source_input, ONLY} & set(self.inputs):
            raise UserError(
                f'source_input="{source_input}" adds an input, so the others need '
                f"names of their own: give dicts of arrays without that name."
            )
        self.random = np.random.default_rng(seed)
        self._orders = [self.random.permutation(len(s)) for s in self.sources]
        self._places = [0] * len(self.sources)
        self._draw()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[Any, Arrays]:
        return self._gather(self._epoch[index])

    def on_epoch_end(self) -> None:
        """Draw the batches of the next epoch."""
        self._draw()

    def all_rows(self) -> tuple[Any, Arrays]:
        """Return every row of every data set once, in order, masked like a batch.

        Returns:
            Inputs and labels, as `fit(validation_data=...)` takes them.
        """
        return self._gather([np.arange(len(source)) for source in self.sources])

    def _draw(self) -> None:
        # Systematic sampling: in each batch every data set has its expected number of
        # rows, rounded up or down at random without bias.
        edges = np.concatenate([[0.0], np.cumsum(self.probabilities)])
        edges = edges / edges[-1] * self.batch_size
        self._epoch = []
        for offset in self.random.random(self.steps):
            counts = np.diff(np.floor(edges + offset)).astype(int)
            self._epoch.append([self._next(s, n) for s, n in enumerate(counts)])

    def _next(self, source: int, count: int) -> np.ndarray:
        """Return the next rows of a data set; each comes once before any again."""
        taken = []
        while count:
            order, place = self._orders[source], self._places[source]
            part = order[place : place + count]
            taken.append(part)
            count -= len(part)
            self._places[source] += len(part)
            if self._places[source] == len(order):
                self._orders[source] = self.random.permutation(len(order))
                self._places[source] = 0
        return np.concatenate(taken) if taken else np.empty(0, dtype=np.int64)

    def _gather(self, rows: list[np.ndarray]) -> tuple[Any, Arrays]:
        total = sum(map(len, rows))
        x = {k: np.empty((total, *b.shape), b.dtype) for k, b in self.inputs.items()}
        y = {k: np.empty((total, *b.shape), b.dtype) for k, b in self.labels.items()}
        start = 0
        for source, chosen in zip(self.sources, rows, strict=True):
            part = slice(start, start + len(chosen))
            for batch, drawn, missing in (
                (x, source.inputs, self.inputs),
                (y, source.labels, self.labels),
            ):
                for key, array in batch.items():
                    array[part] = drawn[key][chosen] if key in drawn else missing[key]
            start = part.stop
        if self.source_input is not None:
            counts = list(map(len, rows))
            x[self.source_input] = np.repeat(np.arange(len(rows)), counts).astype(
                "int32"
            )
        return (x[ONLY] if set(x) == {ONLY} else x), y


def _probabilities(sources: list[MixtureSource], temperature: float) -> np.ndarray:
    if not temperature > 0:
        raise UserError(
            f"temperature must be above 0 (math.inf draws all data sets alike); found "
            f"{temperature!r}."
        )
    sizes = np.array([len(source) for source in sources], "float64")
    # Relative to the largest, so that a small temperature does not overflow.
    scaled = (sizes / sizes.max()) ** (1 / temperature)
    shares: np.ndarray = scaled / scaled.sum()
    return shares
