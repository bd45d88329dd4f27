"""The contract of all balancers."""

import inspect
import numbers
from typing import Any, Self

import keras
import numpy as np

from polytask._export import polytask_export
from polytask.balancing.loss_domain import LossDomain
from polytask.errors import UserError
from polytask.numeric.namespace import (
    NUMPY_OPS,
    Namespace,
    Tensor,
    enter,
    leave,
    namespace_of,
)

State = dict[str, Any]


@polytask_export("polytask.balancing.Balancer")
class Balancer(LossDomain):
    """Turns the tasks' losses or gradients into one update direction.

    A method is a subclass with a pure `compute`. This class does what all share:
    types, tasks without a label, state, `update_every`, and inputs that are not
    finite. Called with tensors of the current backend it works eagerly, in a
    `tf.function`, and in a jitted JAX function under `keras.StatelessScope`.

    Conventions: weights are 1 for orthonormal gradients with equal losses, so that
    another balancer does not change the learning rate. A task without a label in the
    batch leaves the problem: weight 0, state unmoved. A step with a loss or Gramian
    that is not finite (or a loss outside of the method's domain) is skipped: weights
    0, state unmoved, and `skipped_steps` counts it.

    Args:
        update_every: Compute new weights every so many steps and keep them in
            between. Defaults to 1.
    """

    #: What the method needs: "losses", "gramian" or "jacobian".
    requires: str = "losses"
    #: Whether the Gramian should be taken between two independent batches, J1 J2'.
    cross_batch: bool = False
    #: Where the task gradients are compared: "shared", as gradients of the shared
    #: variables, or "representation", as those of the shared part's output.
    on: str = "shared"
    #: Whether `after_step` wants the losses of the same batch after the update.
    needs_next_losses: bool = False
    #: How strongly a training step turns the heads to the common gradient at the
    #: representation.
    consistency: float = 0.0
    #: The longest update of the shared variables in a training step, or None.
    max_norm: float | None = None

    def __init__(self, update_every: int = 1) -> None:
        whole = isinstance(update_every, numbers.Integral)
        if not whole or isinstance(update_every, bool) or update_every < 1:
            raise UserError(
                f"update_every must be a whole number of steps, 1 or more; found "
                f"{update_every!r}."
            )
        self.update_every = int(update_every)
        self.num_tasks: int | None = None
        self.seed_generator: keras.random.SeedGenerator | None = None
        self.state: dict[str, keras.Variable] = {}

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the state before the first step.

        Args:
            num_tasks: Number of tasks, T.

        Returns:
            Name → value. A value with axes is per task (T,) or per pair of tasks
            (T, T), and stays where it is for absent tasks; a scalar belongs to all.
        """
        return {}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the weights and the new state; what a method implements.

        Args:
            ops: `keras.ops`, or NumPy under the same names.
            losses: (T,) float32, finite; 1 where a task is absent.
            gramian: (T, T) float32, finite, or None; rows and columns of absent tasks
                are zero.
            present: (T,) bool; at least one is true.
            state: The state, by the names of `initial_state`.

        Returns:
            (T,) weights (those of absent tasks are ignored) and the new state; names
            left out keep their value.
        """
        raise TypeError(f"{type(self).__name__} does not define `compute`.")

    def build(
        self,
        num_tasks: int,
        task_names: tuple[str, ...] = (),
        shapes: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        """Make the state; a second call does nothing.

        Args:
            num_tasks: Number of tasks, T.
            task_names: Their names, for messages. Defaults to task 0, task 1, ...
            shapes: Shapes of the shared variables; needed by methods that track
                gradients (`moco`, `db_mtl`, `excess`).

        Raises:
            UserError: If it was built for another number of tasks.
        """
        if task_names:
            self.task_names = tuple(task_names)
        if self.num_tasks is not None:
            if num_tasks != self.num_tasks:
                raise UserError(
                    f"This {type(self).__name__} was built for {self.num_tasks} tasks "
                    f"and is now given {num_tasks}. Use a new balancer."
                )
            return
        # What this refuses is not built.
        initial = dict(self.initial_state(num_tasks))
        self.num_tasks = num_tasks
        if self.update_every > 1:
            initial["kept_weights"] = np.ones(num_tasks)
            initial["until_update"] = 0.0
        initial["skipped_steps"] = 0.0
        for name, value in initial.items():
            self.state[name] = keras.Variable(
                np.asarray(value, "float32"),
                trainable=False,
                aggregation="only_first_replica",
                name=name,
            )

    @property
    def variables(self) -> list[keras.Variable]:
        """The state, in a fixed order; empty before `build`."""
        variables = list(self.state.values())
        if self.seed_generator is not None:
            variables.append(self.seed_generator.state)
        return variables

    @property
    def skipped_steps(self) -> Tensor:
        """How many steps were skipped because an input was unusable."""
        return self.state["skipped_steps"]

    def due(self) -> Tensor:
        """Return whether the next call computes new weights (a bool tensor).

        In between, `weights` needs no Gramian: a training step may leave it out.
        """
        if self.update_every == 1:
            return keras.ops.convert_to_tensor(True)
        return self.state["until_update"] < 0.5

    def weights(
        self, losses: Tensor, gramian: Tensor = None, present: Tensor = None
    ) -> Tensor:
        """Return the tasks' weights and advance the state.

        Args:
            losses: (T,) losses.
            gramian: (T, T) inner products of the task gradients. Needed if
                `requires` is "gramian".
            present: (T,) bool, false for a task without a label in this batch.
                Defaults to all.

        Returns:
            (T,) float32 weights of the task gradients; 0 for absent tasks.

        Raises:
            UserError: If the Gramian is missing, or (outside of a compiled function)
                a loss is not in the method's domain.
        """
        if self.requires == "gramian" and gramian is None:
            raise UserError(
                f"{type(self).__name__} works on the task gradients: pass "
                "`gramian`, the (T, T) matrix of their inner products."
            )
        if self.requires == "jacobian":
            raise UserError(
                f"{type(self).__name__} works on the task gradients themselves: call "
                "`combine(jacobian, losses)`."
            )
        self.build(int(losses.shape[0] if hasattr(losses, "shape") else len(losses)))
        self.check_losses(losses, present)
        ops = namespace_of()
        losses, present, usable = self.prepare(ops, losses, present)
        if gramian is not None:
            gramian = ops.cast(enter(ops, gramian), "float32")
            pairs = present[:, None] & present[None, :]
            gramian = ops.where(pairs, gramian, ops.zeros_like(gramian))
            usable = usable & ops.all(ops.isfinite(gramian))
            gramian = ops.where(ops.isfinite(gramian), gramian, ops.zeros_like(gramian))
        # Where no task is present the problem is empty; solve any, use none.
        some = ops.any(present)
        within = present | ops.logical_not(some)
        old = {k: enter(ops, v) for k, v in self.state.items()}
        seed = None if self.seed_generator is None else self.seed_generator.state.value
        if seed is not None:
            seed = keras.ops.copy(seed)
        weights, new = self.compute(ops, losses, gramian, within, old)
        weights, new = self._keep(ops, weights, {**old, **new}, old, present)
        self.store(ops, old, new, present, usable & some)
        self._count_skipped(ops, old, usable)
        if self.seed_generator is not None:
            self.restore_seed(seed, usable & some)
        weights = ops.cast(weights, "float32")
        weights = ops.where(present & usable, weights, ops.zeros_like(weights))
        return leave(ops, weights)

    def hold(self, losses: Tensor, present: Tensor = None) -> Tensor:
        """Return the weights of the last update, and count a step in between.

        Call it instead of `weights` where `due` is false: it needs no Gramian.

        Args:
            losses: (T,) losses; they only decide whether the step is skipped.
            present: (T,) bool; see `weights`.

        Returns:
            (T,) float32 weights; 0 for absent tasks.
        """
        ops = namespace_of()
        losses, present, usable = self.prepare(ops, losses, present)
        old = {k: enter(ops, v) for k, v in self.state.items()}
        new = {"until_update": old["until_update"] - 1.0}
        self.store(ops, old, new, present, usable & ops.any(present))
        self._count_skipped(ops, old, usable)
        weights = old["kept_weights"]
        weights = ops.where(present & usable, weights, ops.zeros_like(weights))
        return leave(ops, weights)

    def combine(
        self, jacobian: list[Tensor], losses: Tensor, present: Tensor = None
    ) -> list[Any]:
        """Return the update direction from the task gradients.

        Args:
            jacobian: Per shared variable, the (T, ...) stack of task gradients.
            losses: (T,) losses.
            present: (T,) bool; see `weights`.

        Returns:
            Per shared variable, the direction, in the variable's shape.
        """
        ops = keras.ops
        flat = [ops.reshape(ops.cast(g, "float32"), (g.shape[0], -1)) for g in jacobian]
        gramian = None
        if self.requires == "gramian":
            gramian = sum(ops.matmul(g, ops.transpose(g)) for g in flat)
        weights = self.weights(losses, gramian, present)
        return [
            ops.reshape(ops.cast(ops.matmul(weights, f), g.dtype), g.shape[1:])
            for f, g in zip(flat, jacobian, strict=True)
        ]

    def after_step(self, losses: Tensor, present: Tensor = None) -> None:
        """Take the losses of the same batch after the update; for FAMO.

        Args:
            losses: (T,) losses at the new weights, batch statistics not updated.
            present: (T,) bool; see `weights`.
        """

    def on_epoch_end(self) -> None:
        """Advance what is counted in epochs; call it outside of the step, for DWA."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name != "self"}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the balancer that `get_config` described."""
        return cls(**config)

    def prepare(
        self, ops: Namespace, losses: Tensor, present: Tensor
    ) -> tuple[Any, Any, Any]:
        """Return finite losses, the mask, and whether the step is usable."""
        losses = ops.cast(enter(ops, losses), "float32")
        if present is None:
            present = ops.ones_like(losses) > 0
        else:
            present = ops.cast(enter(ops, present), "bool")
        good = self.in_domain(ops, losses)
        neutral = ops.ones_like(losses)
        if self.positive_losses:
            neutral = neutral + self._floor(ops, losses)
        usable = ops.all(good | ops.logical_not(present))
        return ops.where(good & present, losses, neutral), present, usable

    def _keep(
        self, ops: Namespace, weights: Any, new: State, old: State, present: Any
    ) -> tuple[Tensor, State]:
        """Replace everything by what was kept, between two updates."""
        if self.update_every == 1:
            return weights, new
        due = old["until_update"] < 0.5
        kept = old["kept_weights"]
        weights = ops.where(due & present, weights, kept)
        new = {k: ops.where(due, v, old[k]) for k, v in new.items()}
        new["kept_weights"] = weights
        until = ops.where(due, float(self.update_every), old["until_update"])
        new["until_update"] = until - 1.0
        return weights, new

    def store(
        self, ops: Namespace, old: State, new: State, present: Tensor, usable: Any
    ) -> None:
        """Assign the new state where it may move."""
        for name, before in old.items():
            if name == "skipped_steps" or new.get(name, before) is before:
                continue
            moves = usable
            if len(before.shape) == 1:
                moves = usable & present
            elif len(before.shape) == 2:
                moves = usable & present[:, None] & present[None, :]
            self.state[name].assign(leave(ops, ops.where(moves, new[name], before)))

    def _count_skipped(self, ops: Namespace, old: State, usable: Any) -> None:
        """Count a step that is not usable."""
        if ops is not NUMPY_OPS or not usable:
            failed = ops.cast(ops.logical_not(usable), "float32")
            skipped = leave(ops, old["skipped_steps"] + failed)
            self.state["skipped_steps"].assign(skipped)

    def restore_seed(self, seed: Tensor, used: Tensor) -> None:
        """Put the random stream back after a skipped step."""
        assert self.seed_generator is not None
        used = keras.ops.convert_to_tensor(used)
        variable = self.seed_generator.state
        variable.assign(keras.ops.where(used, variable.value, seed))
