"""The outer loop of meta-learning: what a step of it lowers, and its gradient."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._types import Tensor, Variable
from polytask.errors import UserError
from polytask.meta.dropout_masks import DropoutMasks
from polytask.meta.episodes import Rows
from polytask.meta.inner_loop import InnerLoop, Objective
from polytask.meta.methods import Method
from polytask.models.multi_task_model import MultiTaskModel
from polytask.training.functional import losses_at, mapped, value_and_gradients

#: Where dropout acts.
DROPOUT = ("off", "inner", "outer", "both")

#: Masks of the inner loop, and of the loss after it.
Masks = tuple[tuple[Any, ...], tuple[Any, ...]]
#: Of a batch of episodes: rows to learn from, rows whose loss afterwards counts, masks.
Batch = tuple[Rows, Rows, Masks]
#: Gradients of the start, and of rates that are learned; (T,) losses; (T,) numbers of
#: episodes with labels.
Gradients = tuple[list[Tensor], Tensor, Tensor]


class OuterLoop:
    """Losses of episodes as functions of the start, and their gradients.

    Args:
        model: A compiled model.
        method: How the gradient follows from the inner loop.
        loop: The inner loop.
        dropout: One of `DROPOUT`.

    Raises:
        UserError: If the model cannot drop there.
    """

    def __init__(
        self, model: MultiTaskModel, method: Method, loop: InnerLoop, dropout: str
    ) -> None:
        if method.follows and dropout in ("outer", "both"):
            raise UserError(
                f'dropout="{dropout}" acts on the loss after the inner loop, of which '
                'Reptile takes no gradient; take "inner" or "off".'
            )
        self.model, self.method, self.loop = model, method, loop
        self.variables: list[Variable] = model.trainable_variables
        self.dropout = dropout
        self._dropped = None if dropout == "off" else DropoutMasks(model)

    def drawn(self, random: np.random.Generator, support: Rows, query: Rows) -> Masks:
        """Draw the masks of a step: anew for each episode, inner step and row.

        Args:
            random: Where from.
            support: Rows to learn from, of a batch of episodes.
            query: Rows whose loss afterwards counts.

        Returns:
            For each call of a dropout layer (episodes, steps, rows, ...) of the inner
            loop, and (episodes, rows, ...) of the loss after it; none where it is off.
        """
        inner: tuple[np.ndarray, ...] = ()
        outer: tuple[np.ndarray, ...] = ()
        if self._dropped is None:
            return inner, outer
        (episodes, few), (_, new) = (
            np.shape(keras.tree.flatten(rows)[0])[:2] for rows in (support, query)
        )
        if self.dropout in ("inner", "both"):
            rows = few + new if self.method.follows else few
            inner = self._dropped.drawn(random, episodes, self.loop.steps, rows)
        if self.dropout in ("outer", "both"):
            outer = self._dropped.drawn(random, episodes, new)
        return inner, outer

    def losses(
        self, values: list[Tensor], rows: Rows, masks: Sequence[Tensor] = ()
    ) -> tuple[Tensor, Tensor]:
        """Return the (T,) losses of some rows, and how many of them are labeled."""
        forward = self._dropped.forward(masks) if self._dropped and masks else None
        return losses_at(self.model, self.variables, values, rows, forward=forward)

    def objective(self, rows: Rows, masks: Sequence[Tensor] = ()) -> Objective:
        """Return the loss of an episode's rows as a function of the weights."""

        def objective(values: list[Tensor], step: int) -> Tensor:
            losses, _ = self.losses(values, rows, [mask[step] for mask in masks])
            return ops.sum(losses)

        return objective

    def gradients(
        self, values: list[Tensor], rates: list[Any], batch: Batch
    ) -> Gradients:
        """Return the gradients of the start, and of rates that are learned.

        Args:
            values: The start.
            rates: Of each fast weight.
            batch: Of episodes.
        """
        follow = self._way if self.method.follows else self._through
        return follow(values, rates, batch)

    def _through(
        self, values: list[Tensor], rates: list[Any], batch: Batch
    ) -> Gradients:
        """Return the gradients of the query losses after the inner loop."""
        split = len(values)

        def outer(start: list[Tensor]) -> Any:
            begin, rate = start[:split], start[split:] or rates

            def one(episode: Any) -> Any:
                support, query, (inner, outer) = episode
                moved = self.loop(self.objective(support, inner), begin, rate)
                return self.losses(moved, query, outer)

            losses, episodes = _means(*mapped(one, batch))
            total = ops.sum(losses) + self._penalty(begin, episodes)
            return total, (losses, episodes)

        learned = rates if self.method.learns_rates else []
        (_, (losses, episodes)), gradients = value_and_gradients(
            outer, [*values, *learned]
        )
        return gradients, losses, episodes

    def _way(self, values: list[Tensor], rates: list[Any], batch: Batch) -> Gradients:
        """Return the mean way from the inner loop's end to its start."""

        def one(episode: Any) -> Any:
            support, query, (inner, _) = episode
            rows = keras.tree.map_structure(
                lambda a, b: ops.concatenate([a, b]), support, query
            )
            moved = self.loop(self.objective(rows, inner), values, rates)
            return moved, self.losses(values, rows)

        moved, measured = mapped(one, batch)
        losses, episodes = _means(*measured)

        def penalty(start: list[Tensor]) -> Any:
            return self._penalty(start, episodes), ()

        _, pulls = value_and_gradients(penalty, values)
        gradients = [
            value - ops.mean(ends, axis=0) + pull
            for value, ends, pull in zip(values, moved, pulls, strict=True)
        ]
        return gradients, losses, episodes

    def _penalty(self, values: list[Tensor], episodes: Tensor) -> Tensor:
        """Return the penalties of the start that act by their gradient."""
        value_of = {
            id(v): value for v, value in zip(self.variables, values, strict=True)
        }
        # Not a plain 0: that would have no gradient.
        total = 0.0 * ops.sum(values[0])
        for penalty in self.model.step_plan.penalties:
            own = [value_of[id(v)] for v in penalty.variables]
            total = total + penalty.value(own, episodes)
        return total


def _means(losses: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return (T,) means over the episodes with labels, and their number.

    Args:
        losses: (episodes, T).
        counts: (episodes, T) labeled rows.
    """
    episodes = ops.sum(ops.cast(counts > 0, "float32"), axis=0)
    return ops.sum(losses, axis=0) / ops.maximum(episodes, 1.0), episodes
