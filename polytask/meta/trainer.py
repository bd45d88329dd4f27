"""`Trainer`: a start from which a few steps learn a new task."""

import itertools
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_number
from polytask._types import Tensor
from polytask.errors import UserError, one_of
from polytask.meta._arrays import as_numbers
from polytask.meta.episodes import Rows
from polytask.meta.inner_loop import OPTIMIZERS, InnerLoop
from polytask.meta.methods import METHODS
from polytask.meta.outer_loop import DROPOUT, Masks, OuterLoop
from polytask.meta.parts import check_model, positions
from polytask.models.multi_task_model import MultiTaskModel
from polytask.optimizers.kept_values import keep_values, put_back_unless
from polytask.training.compiled_function import compiled_function
from polytask.training.functional import compiled_step, mapped, values_of


class Trainer:
    """Learns the weights from which a few gradient steps learn a new task.

    An episode has support rows, on which the inner loop makes its steps, and query
    rows, whose loss after these steps the outer loop lowers:

    - `"maml"`: all weights are fast, that is, move in the inner loop, and the outer
      gradient goes through its steps, exactly;
    - `"fomaml"`: the same with the inner gradients as constants;
    - `"anil"`: only the heads are fast; `"boil"`: only the trunk;
    - `"meta_sgd"`: the inner rate of each weight is learned too;
    - `"reptile"`: the start moves toward the weights that several steps on support and
      query rows lead to.

    Trunk and heads are those of the task graph: heads are the weights of one task
    alone. Where no two tasks share weights, the head is the last layer. The loss of a
    task is averaged over its labeled rows, and over the episodes that have such rows; a
    task without any in a batch of episodes does not move.

    The outer loop is the model's compiled optimizer with all that belongs to it: decay
    and proximal steps act on the start. Layers act as in inference, but for dropout
    where it is asked for. Its masks, drawn from `seed`, are the same on all backends;
    `evaluate` and `adapted` never drop.

    Args:
        model: A compiled `MultiTaskModel`; the trainer moves its weights. Its balancer
            is `"equal"`.
        method: One of the above. Default: `"maml"`.
        inner_rate: Rate of the inner loop; the first one for `"meta_sgd"`. Default:
            0.01.
        inner_steps: Steps of the inner loop in training. Default: 1.
        inner_optimizer: `"sgd"` or `"adam"`. Default: `"sgd"`.
        anchor: λ of the penalty (λ/2) ‖θ' − θ‖² that keeps the inner loop near the
            start θ, as in implicit MAML and L2-SP. Default: 0, none.
        dropout: Where the model's dropout layers drop: `"inner"`, in the losses whose
            gradients the inner loop follows, with other masks in each of its steps;
            `"outer"`, in the query loss after it; `"both"`; or `"off"`. Default:
            `"off"`.
        seed: Of the masks. Default: 0.

    Raises:
        UserError: If the model is not compiled, has batch statistics, another balancer
            or no dropout to act, or an option is out of range.

    Source:
        Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep
        Networks", ICML 2017 (MAML, FOMAML); Raghu et al., "Rapid Learning or Feature
        Reuse?", ICLR 2020 (ANIL); Oh et al., "BOIL", ICLR 2021; Li et al., "Meta-SGD",
        2017; Nichol, Achiam, Schulman, "On First-Order Meta-Learning Algorithms", 2018
        (Reptile); Rajeswaran et al., "Meta-Learning with Implicit Gradients", NeurIPS
        2019 (the anchor).

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((1,))
        >>> h = keras.layers.Dense(8, activation="tanh")(x)
        >>> model = polytask.MultiTaskModel(x, {"y": keras.layers.Dense(1)(h)})
        >>> model.compile("adam", loss="mse")
        >>> rows = np.linspace(-1, 1, 12)[:, None]
        >>> lines = {str(slope): (rows, slope * rows) for slope in (-1, 1, 2)}
        >>> trainer = Trainer(model, inner_rate=0.1)
        >>> history = trainer.fit(polytask.meta.Episodes(lines, 5, 5), steps=2)
        >>> sorted(history), history["y_episodes"]
        (['loss', 'skipped', 'y_episodes'], [4.0, 4.0])
    """

    def __init__(
        self,
        model: MultiTaskModel,
        method: str = "maml",
        inner_rate: float = 0.01,
        inner_steps: int = 1,
        inner_optimizer: str = "sgd",
        anchor: float = 0.0,
        dropout: str = "off",
        seed: int = 0,
    ) -> None:
        one_of("method", method, METHODS)
        one_of("inner_optimizer", inner_optimizer, OPTIMIZERS)
        one_of("dropout", dropout, DROPOUT)
        inner_rate = checked_number(inner_rate, "inner_rate", "Trainer", above=0.0)
        anchor = checked_number(anchor, "anchor", "Trainer", at_least=0.0)
        self.method = METHODS[method]
        least = 2 if self.method.follows else 1
        if not isinstance(inner_steps, int) or inner_steps < least:
            raise UserError(
                f"inner_steps must be an integer, at least {least} for {method}; found "
                f"{inner_steps!r}."
                + (" One step would be joint training." if least > 1 else "")
            )
        check_model(model)
        self.model = model
        self.loop = InnerLoop(
            fast=positions(model, self.method.fast),
            steps=inner_steps,
            optimizer=inner_optimizer,
            anchor=anchor,
            first_order=self.method.first_order,
        )
        self._outer = OuterLoop(model, self.method, self.loop, dropout)
        self._random = np.random.default_rng(seed)
        self._rates = self._learned_rates(inner_rate)
        self._inner_rate = inner_rate
        self._optimizers = self._built_optimizers()
        self._step = compiled_step(self._update, self._state)
        self._measures: dict[int, Any] = {}

    def fit(
        self, episodes: Iterable[tuple[Rows, Rows]], steps: int, every: int = 1
    ) -> dict[str, list[float]]:
        """Make steps of the outer loop.

        Args:
            episodes: Batches `(support, query)` of episodes, as `Episodes` draws them:
                each inputs and labels of shape (episodes, rows, ...), the labels a dict
                by task where the model has several.
            steps: How many.
            every: The history has the means over so many steps. Default: 1.

        Returns:
            `"loss"` and, for each task, `"<task>_loss"` where there are several and
            `"<task>_episodes"`, the number of episodes of a step with labels for it;
            and `"skipped"`, the share of steps that were left out because a gradient
            was not finite.

        Raises:
            UserError: If the episodes end before, are not stacks of equal numbers, or
                no step has a finite gradient.
        """
        if steps < 1 or every < 1:
            raise UserError(
                f"steps and every must be at least 1; found {steps} and {every}."
            )
        history: dict[str, list[float]] = {}
        waiting: list[dict[str, Any]] = []
        made = 0
        for support, query in itertools.islice(iter(episodes), steps):
            batch = self._batch(support, query)
            masks = self._outer.drawn(self._random, *batch)
            waiting.append(self._step(*batch, masks))
            made += 1
            if len(waiting) == every or made == steps:
                # Read only here: until then steps need not wait for one another.
                for name in waiting[0]:
                    values = [float(ops.convert_to_numpy(log[name])) for log in waiting]
                    history.setdefault(name, []).append(float(np.mean(values)))
                waiting = []
        if made < steps:
            raise UserError(f"The episodes ended after {made} of {steps} steps.")
        if min(history["skipped"]) == 1.0:
            raise UserError(
                f"None of {steps} steps had a finite gradient: the inner loop "
                "diverges (lower inner_rate), or the rows are not finite."
            )
        return history

    def evaluate(
        self, support: Rows, query: Rows, steps: int | None = None
    ) -> dict[str, np.ndarray]:
        """Measure how well the start learns.

        Args:
            support: Rows to learn from, of a batch of episodes.
            query: Rows to measure on.
            steps: Steps of the inner loop; 0 measures the start. Default: as in
                training.

        Returns:
            Task → (episodes,) losses on the query rows, NaN without labeled ones.
        """
        count = self.loop.steps if steps is None else steps
        if count not in self._measures:
            loop = self.loop.with_steps(count)

            def measured(values: Any, rates: Any, support: Any, query: Any) -> Any:
                def one(episode: Any) -> Any:
                    support, query = episode
                    moved = loop(self._outer.objective(support), values, rates)
                    return self._outer.losses(moved, query)

                return mapped(one, (support, query))

            self._measures[count] = compiled_function(measured)
        batch = self._batch(support, query)
        arguments = keras.tree.map_structure(ops.convert_to_tensor, batch)
        losses, counts = self._measures[count](
            values_of(self._variables), self._rate_values(), *arguments
        )
        losses = ops.convert_to_numpy(losses)
        known = ops.convert_to_numpy(counts) > 0
        losses = np.where(known, losses, np.nan)
        return dict(zip(self.model.step_plan.graph.tasks, losses.T, strict=True))

    def adapted(self, x: Any, y: Any, steps: int | None = None) -> MultiTaskModel:
        """Return a model that has learned one new task.

        Args:
            x: Its rows.
            y: Their labels, as `fit` of the model takes them.
            steps: Steps of the inner loop. Default: as in training.

        Returns:
            A new model, not compiled; the trainer's keeps the start.
        """
        count = self.loop.steps if steps is None else steps
        loop = self.loop.with_steps(count)

        def moved(values: Any, rates: Any, support: Any) -> Any:
            return loop(self._outer.objective(support), values, rates)

        rows = keras.tree.map_structure(_as_tensor, (x, y))
        arguments = (values_of(self._variables), self._rate_values(), rows)
        values = compiled_function(moved)(*arguments)
        clone: MultiTaskModel = keras.models.clone_model(self.model)
        clone.set_weights(self.model.get_weights())
        for variable, value in zip(clone.trainable_variables, values, strict=True):
            variable.assign(value)
        return clone

    @property
    def rates(self) -> dict[str, np.ndarray]:
        """Path of each fast weight → its inner rate, one number or one an entry."""
        paths = [self._variables[position].path for position in self.loop.fast]
        values = [np.asarray(ops.convert_to_numpy(r)) for r in self._rate_values()]
        return dict(zip(paths, values, strict=True))

    @property
    def _variables(self) -> list[keras.Variable]:
        return self._outer.variables

    @property
    def _state(self) -> list[keras.Variable]:
        """All that a step of the outer loop reads or moves."""
        inner = [v for optimizer in self._optimizers for v in optimizer.variables]
        every = [*self.model.variables, *self._rates, *inner]
        return list({id(v): v for v in every}.values())

    def _learned_rates(self, start: float) -> list[keras.Variable]:
        if not self.method.learns_rates:
            return []
        return [
            keras.Variable(np.full(self._variables[i].shape, start, "float32"))
            for i in self.loop.fast
        ]

    def _rate_values(self) -> list[Any]:
        if self._rates:
            return values_of(self._rates)
        return [self._inner_rate] * len(self.loop.fast)

    def _built_optimizers(self) -> list[Any]:
        """Return what moves the weights and, where they are learned, the rates."""
        outer = self.model.step_plan.optimizer
        outer.build(self._variables)
        if not self._rates:
            return [outer]
        inner = outer.inner_optimizer
        second = type(inner).from_config(inner.get_config())
        second.build(self._rates)
        return [outer, second]

    def _batch(self, support: Rows, query: Rows) -> tuple[Any, Any]:
        batch = keras.tree.map_structure(as_numbers, (support, query))
        sizes = {np.shape(leaf)[:1] for leaf in keras.tree.flatten(batch)}
        if len(sizes) != 1 or () in sizes:
            shown = ", ".join(str(np.shape(x)) for x in keras.tree.flatten(batch))
            raise UserError(
                "A batch of episodes is (support, query), each (inputs, labels) of "
                f"shape (episodes, rows, ...); found arrays of the shapes {shown}."
            )
        return batch

    def _update(self, support: Rows, query: Rows, masks: Masks) -> dict[str, Tensor]:
        """Make one step of the outer loop."""
        values = values_of(self._variables)
        rates = self._rate_values()
        batch = (support, query, masks)
        gradients, losses, episodes = self._outer.gradients(values, rates, batch)
        optimizer, plan = self._optimizers[0], self.model.step_plan
        sound = ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in gradients]))
        slots = [v for each in self._optimizers for v in each.variables]
        before = keep_values([*self._variables, *self._rates, *slots])
        optimizer.present.assign(ops.cast(episodes > 0, "float32"))
        optimizer.apply(gradients[: len(values)], self._variables)
        if self._rates:
            self._optimizers[1].apply(gradients[len(values) :], self._rates)
        # The optimizer leaves it to its caller that what all tasks share has a label.
        labeled = ops.any(episodes > 0)
        put_back_unless(ops.logical_and(sound, labeled), before, plan.assign)
        names = plan.graph.tasks
        logs = {"loss": ops.sum(losses), "skipped": 1.0 - ops.cast(sound, "float32")}
        for task, name in enumerate(names):
            if len(names) > 1:
                logs[f"{name}_loss"] = losses[task]
            logs[f"{name}_episodes"] = episodes[task]
        return logs


def _as_tensor(values: Any) -> Any:
    return ops.convert_to_tensor(as_numbers(values))
