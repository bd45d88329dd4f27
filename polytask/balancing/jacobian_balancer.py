"""Balancers that need the task gradients themselves."""

from typing import Any, ClassVar

import keras

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.errors import UserError
from polytask.numeric.namespace import Tensor


@polytask_export("polytask.balancing.JacobianBalancer")
class JacobianBalancer(Balancer):
    """Base of methods whose direction is not a weighting by the Gramian.

    A method implements `direction`. State that is as large as the gradients needs
    `build(num_tasks, shapes=...)` before the first compiled step; outside of one,
    `combine` builds by itself.
    """

    requires = "jacobian"
    #: Names of states of the shape of the task gradients, one for each variable.
    tracked: ClassVar[tuple[str, ...]] = ()

    def direction(
        self, rows: list[Tensor], losses: Tensor, present: Tensor, state: State
    ) -> tuple[list[Tensor], State]:
        """Return the combined gradient and the new state; what a method implements.

        Args:
            rows: Per variable, the (T, n) float32 task gradients; absent ones are 0.
            losses: (T,) float32; 1 where a task is absent.
            present: (T,) bool; at least one is true.
            state: The state; entry `"<tracked>_<k>"` belongs to variable k.

        Returns:
            Per variable the (n,) direction; and the new state, without what is kept.
        """
        raise TypeError(f"{type(self).__name__} does not define `direction`.")

    def build(
        self,
        num_tasks: int,
        task_names: tuple[str, ...] = (),
        shapes: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        """Make the state; a second call does nothing. See `Balancer.build`."""
        first = self.num_tasks is None
        # One task alone is not balanced, so that nothing is tracked.
        if first and self.tracked and not shapes and num_tasks > 1:
            raise UserError(
                f"{type(self).__name__} keeps a state for each shared variable: pass "
                "their shapes, `build(num_tasks, shapes=[v.shape for v in shared])`."
            )
        super().build(num_tasks, task_names, shapes)
        if not first:
            return
        for name in self.tracked:
            for k, shape in enumerate(shapes):
                size = 1
                for axis in shape:
                    size *= int(axis)
                self.state[f"{name}_{k}"] = keras.Variable(
                    keras.ops.zeros((num_tasks, size)),
                    trainable=False,
                    aggregation="only_first_replica",
                    name=f"{name}_{k}",
                )

    def combine(
        self, jacobian: list[Tensor], losses: Tensor, present: Tensor = None
    ) -> list[Any]:
        """Return the update direction and advance the state; see `Balancer.combine`."""
        ops = keras.ops
        count = int(jacobian[0].shape[0])
        self.build(count, shapes=tuple(tuple(g.shape[1:]) for g in jacobian))
        self.check_losses(losses, present)
        losses, present, usable = self.prepare(ops, losses, present)
        rows = []
        for g in jacobian:
            row = ops.reshape(ops.cast(g, "float32"), (count, -1))
            finite = ops.isfinite(row)
            usable = usable & ops.all(finite | ops.logical_not(present)[:, None])
            rows.append(ops.where(present[:, None] & finite, row, 0.0))
        some = ops.any(present)
        within = present | ops.logical_not(some)
        old = {k: v.value for k, v in self.state.items()}
        seed = None
        if self.seed_generator is not None:
            seed = ops.copy(self.seed_generator.state.value)
        directions, new = self.direction(rows, losses, within, old)
        usable_and_some = usable & some
        wide = {k: v for k, v in new.items() if self._is_tracked(k)}
        narrow = {k: v for k, v in new.items() if k not in wide}
        self.store(ops, {k: old[k] for k in narrow}, narrow, present, usable_and_some)
        for name, value in wide.items():
            moves = (usable_and_some & present)[:, None]
            self.state[name].assign(ops.where(moves, value, old[name]))
        skipped = old["skipped_steps"] + ops.cast(ops.logical_not(usable), "float32")
        self.state["skipped_steps"].assign(skipped)
        if self.seed_generator is not None:
            self.restore_seed(seed, usable_and_some)
        return [
            ops.cast(
                ops.reshape(ops.where(usable_and_some, d, 0.0), g.shape[1:]), g.dtype
            )
            for d, g in zip(directions, jacobian, strict=True)
        ]

    def _is_tracked(self, name: str) -> bool:
        """Return whether a state has the shape of the task gradients."""
        return name.rpartition("_")[0] in self.tracked


def squared_norms(rows: list[Any]) -> Tensor:
    """Return the (T,) squared norms of task gradients given by variable."""
    return sum(keras.ops.sum(row * row, axis=1) for row in rows)
