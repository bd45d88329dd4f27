"""The outer loop of meta-learning: what a step of it lowers, and its gradient."""

from typing import Any

import keras
from keras import ops

from polytask._types import Tensor, Variable
from polytask.meta.episodes import Rows
from polytask.meta.inner_loop import InnerLoop, Objective
from polytask.meta.methods import Method
from polytask.models.multi_task_model import MultiTaskModel
from polytask.training.functional import losses_at, mapped, value_and_gradients


class OuterLoop:
    """Losses of episodes as functions of the start, and their gradients.

    Args:
        model: A compiled model.
        method: How the gradient follows from the inner loop.
        loop: The inner loop.
    """

    def __init__(self, model: MultiTaskModel, method: Method, loop: InnerLoop) -> None:
        self.model, self.method, self.loop = model, method, loop
        self.variables: list[Variable] = model.trainable_variables

    def losses(self, values: list[Tensor], rows: Rows) -> tuple[Tensor, Tensor]:
        """Return the (T,) losses of some rows, and how many of them are labeled."""
        return losses_at(self.model, self.variables, values, rows)

    def objective(self, rows: Rows) -> Objective:
        """Return the loss of an episode's rows as a function of the weights."""

        def objective(values: list[Tensor]) -> Tensor:
            losses, _ = self.losses(values, rows)
            return ops.sum(losses)

        return objective

    def gradients(
        self, values: list[Tensor], rates: list[Any], support: Rows, query: Rows
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return the gradients of the start, and of rates that are learned.

        Args:
            values: The start.
            rates: Of each fast weight.
            support: Rows to learn from, of a batch of episodes.
            query: Rows whose loss afterwards counts.

        Returns:
            The gradients, (T,) losses, and (T,) numbers of episodes with labels.
        """
        if self.method.follows:
            return self._way(values, rates, support, query)
        return self._through(values, rates, support, query)

    def _through(
        self, values: list[Tensor], rates: list[Any], support: Rows, query: Rows
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return the gradients of the query losses after the inner loop."""
        split = len(values)

        def outer(start: list[Tensor]) -> Any:
            begin, rate = start[:split], start[split:] or rates

            def one(episode: Any) -> Any:
                support, query = episode
                moved = self.loop(self.objective(support), begin, rate)
                return self.losses(moved, query)

            losses, episodes = _means(*mapped(one, (support, query)))
            total = ops.sum(losses) + self._penalty(begin, episodes)
            return total, (losses, episodes)

        learned = rates if self.method.learns_rates else []
        (_, (losses, episodes)), gradients = value_and_gradients(
            outer, [*values, *learned]
        )
        return gradients, losses, episodes

    def _way(
        self, values: list[Tensor], rates: list[Any], support: Rows, query: Rows
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return the mean way from the inner loop's end to its start."""

        def one(episode: Any) -> Any:
            support, query = episode
            rows = keras.tree.map_structure(
                lambda a, b: ops.concatenate([a, b]), support, query
            )
            moved = self.loop(self.objective(rows), values, rates)
            return moved, self.losses(values, rows)

        moved, measured = mapped(one, (support, query))
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
