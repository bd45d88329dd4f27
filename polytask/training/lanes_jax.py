"""Many trainings of one compiled model, side by side in one program, on JAX.

A *lane* is one training: its own weights, optimizer, random states, knobs, tasks and
order of rows. The program is the model's own `train_step`, mapped over the lanes and
scanned over the batches of an epoch, so a lane gives what `fit` gives, to rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import jax
import keras
import numpy as np
from jax import numpy as jnp

from polytask.optimizers.gradient_summary import GradientSummary

Stack = list[Any]


def platform() -> str:
    """Return what the program runs on, such as `"cpu"`."""
    return str(jax.default_backend())


@dataclass(frozen=True, eq=False)
class Lane:
    """Where one training begins.

    Attributes:
        values: id of a variable → its value, where it is not that of the model: initial
            weights, random states, knobs, the learning rate.
        tasks: Names of the tasks it trains on; the labels of others are missing.
        split: Number of the split whose rows it sees.
    """

    values: Mapping[int, Any]
    tasks: tuple[str, ...]
    split: int = 0


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a split.

    Attributes:
        x: Rows (n, ...) that lanes draw their batches from.
        y: Task → labels (n, ...), NaN or the mask value where missing.
        watched: Name → rows whose outputs each epoch returns.
        measured: Name → rows whose outputs with the best weights are asked for at the
            end.
    """

    x: Any
    y: Mapping[str, Any]
    watched: Mapping[str, Any]
    measured: Mapping[str, Any] = field(default_factory=dict)


class LaneProgram:
    """One epoch of up to `width` trainings, compiled once.

    Rows are gathered on the device, each lane's from its split. A slot that no lane
    uses trains for nothing.

    Args:
        model: A built and compiled `MultiTaskModel`, as new: its variables give the
            values that a lane leaves out.
        splits: The rows of each split, all of one form.
        width: Number of slots.
        record_every: Record the tasks' gradients at every so many steps, see
            `polytask.callbacks.ConflictMonitor`; 0 for never.

    Attributes:
        compilations: How often an epoch was compiled.
    """

    def __init__(
        self,
        model: Any,
        splits: Sequence[Rows],
        width: int,
        record_every: int = 0,
    ) -> None:
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        model.reset_metrics()
        self.model = model
        self.width = width
        self.record_every = record_every
        self.compilations = 0
        y = {task: _stacked([rows.y[task] for rows in splits]) for task in self.tasks}
        x = _stacked([rows.x for rows in splits])
        self._data = (jnp.asarray(x), {t: jnp.asarray(y[t]) for t in self.tasks})
        self._watched = {
            name: jnp.asarray(_stacked([rows.watched[name] for rows in splits]))
            for name in splits[0].watched
        }
        self._measured = {
            name: jnp.asarray(_stacked([rows.measured[name] for rows in splits]))
            for name in splits[0].measured
        }
        self._take = jax.jit(_slice)
        self._outputs = jax.jit(self._outputs_of_one)
        self._split = np.zeros(width, np.int32)
        self._variables = [
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
        ]
        self._start = [[np.asarray(v.value) for v in vs] for vs in self._variables]
        self._metrics = [jnp.asarray(v.value) for v in model.metrics_variables]
        self._state = jax.tree.map(self._repeated, self._start)
        self._best = jax.tree.map(self._repeated, self._start[:2])
        self._present = np.ones((width, len(self.tasks)), bool)
        self._epoch: Any = None
        self._chosen = jax.jit(jax.vmap(_chosen), donate_argnums=2)

    @property
    def tasks(self) -> list[str]:
        """The compiled tasks of the model."""
        names: list[str] = self.model.step_plan.graph.tasks
        return names

    def begin(self, lanes: Mapping[int, Lane]) -> None:
        """Let lanes begin.

        Args:
            lanes: Slot → what begins there, in place of what was there before.
        """
        fresh = jax.tree.map(np.copy, jax.tree.map(self._repeated, self._start))
        new = np.zeros(self.width, bool)
        for slot, lane in lanes.items():
            new[slot] = True
            self._present[slot] = [task in lane.tasks for task in self.tasks]
            self._split[slot] = lane.split
            for variables, stacks in zip(self._variables, fresh, strict=True):
                for variable, stack in zip(variables, stacks, strict=True):
                    if id(variable) in lane.values:
                        stack[slot] = np.asarray(lane.values[id(variable)])
        self._state = self._chosen(new, fresh, self._state)

    def epoch(self, orders: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
        """Train each lane for one epoch.

        Args:
            orders: (width, steps, batch) rows of each lane's batches.

        Returns:
            The logs, as of `fit`, with (width,) values, and for each watched set of
            rows task → outputs (width, rows, units), as many as the longest of the
            splits has.
        """
        if self._epoch is None:
            self.compilations += 1
            self._epoch = self._compiled()
        self._state, logs, outputs = self._epoch(
            self._state,
            jnp.asarray(orders),
            (self._split, self._present),
            self._data,
            self._watched,
        )
        logs = {name: np.asarray(value) for name, value in logs.items()}
        return logs, jax.tree.map(np.asarray, outputs)

    def keep(self, improved: np.ndarray) -> None:
        """Remember the present weights of some lanes as their best.

        Args:
            improved: (width,) bool.
        """
        self._best = self._chosen(improved, self._state[:2], self._best)

    def best(self, slot: int) -> dict[int, np.ndarray]:
        """Return id of a model's variable → its value in a lane's best epoch.

        Args:
            slot: The lane's slot.
        """
        # One call for all of them: a slice of each is another program to start.
        return {
            id(variable): np.asarray(value)
            for variables, values in zip(
                self._variables, self._take(self._best, slot), strict=False
            )
            for variable, value in zip(variables, values, strict=True)
        }

    def measured(self, slot: int) -> dict[str, dict[str, np.ndarray]]:
        """Return name of the measured rows → task → outputs in a lane's best epoch.

        Args:
            slot: The lane's slot.
        """
        outputs = self._outputs(self._best, slot, self._split[slot], self._measured)
        found: dict[str, dict[str, np.ndarray]] = jax.tree.map(np.asarray, outputs)
        return found

    def _outputs_of_one(
        self, best: Any, slot: Any, split: Any, measured: Mapping[str, Any]
    ) -> dict[str, Any]:
        own = _slice(best, slot)
        return {
            name: self.model.stateless_call(*own, _of(split, rows), training=False)[0]
            for name, rows in measured.items()
        }

    def skipped(self) -> np.ndarray:
        """Return (width, 4) the counters of skipped steps, see `MultiTaskOptimizer`."""
        return self._of_optimizer("skipped")

    def summaries(self) -> list[GradientSummary]:
        """Return for each slot what the last epoch says of the tasks' gradients."""
        names = ("weight_sums", "norm_sums", "pair_sums")
        sums = {name: self._of_optimizer(name) for name in names}
        return [
            GradientSummary.of(SimpleNamespace(**{n: s[slot] for n, s in sums.items()}))
            for slot in range(self.width)
        ]

    def _of_optimizer(self, name: str) -> np.ndarray:
        variable = getattr(self.model.step_plan.optimizer, name)
        return np.asarray(self._state[2][_place(self._variables[2], variable)])

    def _repeated(self, value: Any) -> Any:
        return np.broadcast_to(value, (self.width, *np.shape(value)))

    def _compiled(self) -> Any:
        model, plan = self.model, self.model.step_plan
        recording = replace(plan, records_gradients=True)
        sums = [
            _place(self._variables[2], variable)
            for variable in _gradient_sums(plan.optimizer)
        ]

        def plain(state: Any, batch: Any) -> Any:
            return model.train_step(state, batch)

        def recorded(state: Any, batch: Any) -> Any:
            with model.using_plan(recording):
                return model.train_step(state, batch)

        def one_lane(
            state: Any, order: Any, records: Any, lane: Any, data: Any, watched: Any
        ) -> Any:
            (split, present), (x, y) = lane, data

            def step(carry: Any, each: Any) -> Any:
                rows, record = each
                labels = {
                    task: _masked(model, task, y[task][split, rows], present[t])
                    for t, task in enumerate(self.tasks)
                }
                batch = (x[split, rows], labels)
                if self.record_every:
                    logs, new = jax.lax.cond(record, recorded, plain, carry, batch)
                else:
                    logs, new = plain(carry, batch)
                return new, logs

            for place in sums:
                state[2][place] = jnp.zeros_like(state[2][place])
            carry, logs = jax.lax.scan(step, (*state, self._metrics), (order, records))
            state = list(carry[:3])
            state[2] = self._after_epoch(state[2])
            outputs = {
                name: model.stateless_call(
                    state[0], state[1], _of(split, rows), training=False
                )[0]
                for name, rows in watched.items()
            }
            return state, {name: log[-1] for name, log in logs.items()}, outputs

        def epoch(state: Any, orders: Any, lanes: Any, data: Any, watched: Any) -> Any:
            steps = jnp.arange(orders.shape[1])
            records = steps % self.record_every == 0 if self.record_every else steps
            mapped = jax.vmap(one_lane, in_axes=(0, 0, None, 0, None, None))
            return mapped(state, orders, records, lanes, data, watched)

        return jax.jit(epoch, donate_argnums=0)

    def _after_epoch(self, optimizer_state: Stack) -> Stack:
        """Tell the balancer, which may count in epochs."""
        pairs = list(zip(self._variables[2], optimizer_state, strict=True))
        with keras.StatelessScope(pairs) as scope:
            self.model.step_plan.balancer.on_epoch_end()
            return [scope.get_current_value(v) for v in self._variables[2]]


def _stacked(parts: Sequence[Any]) -> np.ndarray:
    """Return the rows of all splits as (splits, most rows, ...).

    A split with fewer rows is filled up with its first one, which nobody looks at.
    """
    most = max(map(len, parts))
    filled = [
        np.concatenate([part, np.repeat(part[:1], most - len(part), axis=0)])
        for part in map(np.asarray, parts)
    ]
    return np.stack(filled)


def _of(split: Any, rows: Any) -> Any:
    """Return the rows of a split; one for all lanes is not copied to each."""
    return rows[0] if len(rows) == 1 else rows[split]


def _slice(stacks: Any, slot: Any) -> Any:
    return jax.tree.map(lambda stack: stack[slot], stacks)


def _chosen(condition: Any, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _place(variables: list[keras.Variable], variable: keras.Variable) -> int:
    return next(i for i, v in enumerate(variables) if v is variable)


def _gradient_sums(optimizer: Any) -> list[keras.Variable]:
    return [optimizer.weight_sums, optimizer.norm_sums, optimizer.pair_sums]


def _masked(model: Any, task: str, labels: Any, present: Any) -> Any:
    """Return the labels of a task, all of them missing where it is not present."""
    plan = model.step_plan
    missing = jnp.nan
    if jnp.issubdtype(labels.dtype, jnp.integer):
        missing = plan.losses[plan.graph.tasks.index(task)].mask_value
    return jnp.where(present, labels, jnp.asarray(missing, labels.dtype))
