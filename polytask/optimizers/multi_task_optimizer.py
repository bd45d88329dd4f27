"""A wrapper that gives any Keras optimizer what multi-task training needs."""

from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask._keras_private import ShowsAverage
from polytask.numeric.namespace import Tensor, concrete, enter, leave, namespace_of
from polytask.optimizers.kept_values import KeptValues, keep_values, put_back_unless
from polytask.optimizers.portable_config import portable_config
from polytask.optimizers.proximal_step import follow, shrink, values_before
from polytask.optimizers.step_size import MOMENTUM_STEP
from polytask.optimizers.update_rules import UpdateRules
from polytask.optimizers.weight_decay import decay

#: Slots that the wrapper must not restore: the accumulator empties itself, and the
# average goes on to the variable where it rests.
NOT_RESTORED = ("gradient_accumulator", "average")

#: In place of the task that caused a skipped step: it was a proximal step, …
PROXIMAL_STEP = -1.0

#: … or the gradient, while all losses were finite.
GRADIENT = -2.0


@polytask_export("polytask.optimizers.MultiTaskOptimizer")
class MultiTaskOptimizer(ShowsAverage, keras.optimizers.Optimizer):
    """Any Keras optimizer, followed by exact proximal steps, aware of absent tasks.

    One update is: clipping, decoupled weight decay and step of the inner optimizer;
    variables of which no task has a label are put back, with their slots; then the
    proximal steps, in the metric of the optimizer; then the moving average is
    corrected to follow the shrunken weights. On the micro-steps of gradient
    accumulation nothing but accumulation happens. A proximal step that would give
    weights that are not finite, as where a decomposition does not converge, is left out
    and counted as a skipped step; the weights keep the optimizer's update.

    `MultiTaskModel.compile` makes the wrapper; the user's optimizer is its
    `inner_optimizer`. The state of the balancer is kept among its variables.

    Args:
        inner_optimizer: The optimizer that computes the steps, not yet built.
        name: Name of the wrapper. Default: `"multi_task_optimizer"`.

    Raises:
        ValueError: If `inner_optimizer` was built for other variables before.

    Source:
        Jihun Yun, Aurélie C. Lozano, Eunho Yang, 2021, "Adaptive Proximal Gradient
        Methods for Structured Neural Networks".

    Example:
        >>> optimizer = MultiTaskOptimizer(keras.optimizers.Adam(1e-3))
        >>> round(float(optimizer.learning_rate), 6)
        0.001
    """

    def __init__(
        self,
        inner_optimizer: keras.optimizers.Optimizer,
        name: str = "multi_task_optimizer",
    ) -> None:
        if inner_optimizer.built:
            raise ValueError(
                f"The optimizer {type(inner_optimizer).__name__} was already built "
                "for other variables. Pass a new one, for example "
                "type(optimizer).from_config(optimizer.get_config())."
            )
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.rules = UpdateRules(num_tasks=0, owners={})

    def attach(self, rules: UpdateRules) -> None:
        """Tell the wrapper the model's tasks; call it before `build`.

        Args:
            rules: The tasks, their variables and the proximal groups.
        """
        self.rules = rules

    def build(self, variables: list[keras.Variable]) -> None:
        """Create the state for the model's trainable variables.

        Args:
            variables: The trainable variables, in the model's order.
        """
        if self.built:
            return
        inner, rules = self.inner_optimizer, self.rules
        add_variable = inner.add_variable_from_reference

        # Keras keeps slots in attributes that differ by optimizer; every one of them
        # is made by this public method, so that is where their names are learned.
        def add_and_record(
            reference_variable: keras.Variable, name: str = "var", **options: Any
        ) -> keras.Variable:
            slot = add_variable(reference_variable, name=name, **options)
            rules.slots.setdefault(id(reference_variable), {})[name] = slot
            return slot

        inner.add_variable_from_reference = add_and_record
        try:
            inner.build(variables)
        finally:
            del inner.add_variable_from_reference
        rules.variables = list(variables)
        if rules.num_tasks:
            shape = (rules.num_tasks,)
            self.present = self._task_state(shape, "ones", "present")
            # 0 where a callback has stopped the task.
            self.active = self._task_state(shape, "ones", "active")
            self.seen = self._task_state(shape, "zeros", "seen_in_window")
            # Steps left out, in all and in a row; what caused the last one: a task,
            # `PROXIMAL_STEP` or `GRADIENT`; and the task's loss.
            self.skipped = self._task_state((4,), "zeros", "skipped_steps")
            # Sums over the steps of an epoch, see `GradientSummary`: the weights, and
            # how many steps; norms of the tasks' gradients, and how many; for each
            # pair of tasks the cosines, how many were negative, and how many there
            # were. A step that does not compute the gradients adds to the first only.
            tasks = rules.num_tasks
            self.weight_sums = self._task_state((tasks + 1,), "zeros", "weight_sums")
            self.norm_sums = self._task_state((2, tasks), "zeros", "norm_sums")
            self.pair_sums = self._task_state((3, tasks, tasks), "zeros", "pair_sums")
        if getattr(inner, "momentum", 0.0):
            for variable in rules.shrunken:
                slot = self._task_state((), "zeros", MOMENTUM_STEP)
                rules.slots.setdefault(id(variable), {})[MOMENTUM_STEP] = slot
        super().build(variables)

    def _task_state(self, shape: tuple[int, ...], start: str, name: str) -> Any:
        return self.add_variable(
            shape=shape,
            initializer=start,
            dtype="float32",
            aggregation="only_first_replica",
            name=name,
        )

    @property
    def variables(self) -> list[keras.Variable]:
        """The wrapper's, the balancer's and the inner optimizer's variables."""
        balancer = self.rules.balancer
        state = list(balancer.variables) if balancer is not None else []
        own: list[keras.Variable] = super().variables
        inner: list[keras.Variable] = self.inner_optimizer.variables
        return [*own, *state, *self.rules.step_state, *inner]

    def record_weights(self, weights: Any, taken: Any) -> None:
        """Add a step's weights to the sums of the epoch.

        Args:
            weights: (T,) weights.
            taken: Whether the step is taken; if not, it counts nowhere.
        """
        ops = namespace_of()
        one = ops.ones((1,), "float32")
        added = ops.concatenate([ops.cast(enter(ops, weights), "float32"), one])
        sums = enter(ops, self.weight_sums)
        sums = ops.where(enter(ops, taken), sums + added, sums)
        self.weight_sums.assign(leave(ops, sums))

    def record_gradients(self, gramian: Tensor, present: Tensor) -> None:
        """Add a step's norms and cosines to the sums of the epoch.

        Args:
            gramian: (T, T) inner products of the tasks' gradients.
            present: (T,) bool.
        """
        ops = namespace_of()
        gramian, present = enter(ops, gramian), enter(ops, present)
        squares = ops.diagonal(gramian)
        there = present & ops.isfinite(squares)
        norms = ops.sqrt(ops.where(there, ops.maximum(squares, 0.0), 0.0))
        known = norms > 0
        pairs = known[:, None] & known[None, :] & ops.isfinite(gramian)
        safe = ops.where(known, norms, 1.0)
        # One after the other: the product of two small norms may underflow.
        cosines = ops.clip(gramian / safe[:, None] / safe[None, :], -1.0, 1.0)
        added = [
            ops.where(pairs, cosines, 0.0),
            ops.cast(pairs & (gramian < 0), "float32"),
            ops.cast(pairs, "float32"),
        ]
        pair_sums = enter(ops, self.pair_sums) + ops.stack(added)
        self.pair_sums.assign(leave(ops, pair_sums))
        added = [norms, ops.cast(there, "float32")]
        norm_sums = enter(ops, self.norm_sums) + ops.stack(added)
        self.norm_sums.assign(leave(ops, norm_sums))

    def apply(
        self, grads: list[Any], trainable_variables: list[keras.Variable] | None = None
    ) -> None:
        """Make one update.

        Args:
            grads: One gradient for each variable, in the order of `build`.
            trainable_variables: The variables; default: those of `build`.
        """
        if not self.built:
            self.build(list(trainable_variables or []))
        inner, rules = self.inner_optimizer, self.rules
        variables = list(trainable_variables or rules.variables)
        learning_rate = ops.convert_to_tensor(inner.learning_rate)
        iterations = ops.copy(ops.convert_to_tensor(inner.iterations))
        kept = [] if self._all_are_present() else self._keep_resting()
        decay(rules.decayed, inner, learning_rate, rules.assign)
        before = values_before(rules.groups)
        inner.apply(grads, variables)
        if not rules.num_tasks:
            return
        updated = ops.not_equal(inner.iterations, iterations)
        present = self._present_in_update(updated)
        any_of = {t: ops.any(ops.take(present, t)) for t in {t for _, t in kept}}
        # id of a variable → whether one of its tasks is there, where that is not known.
        there = {}
        for values, tasks in kept:
            variable, _ = values[0]
            there[id(variable)] = any_of[tasks]
            self._put_back_unless(any_of[tasks], values)
        self._gather_steps(learning_rate, updated, there)
        always = not inner.gradient_accumulation_steps
        sound = []
        for group in rules.groups:
            moved = [
                updated & there[id(variable)]
                if id(variable) in there
                else (None if always else updated)
                for variable in group.variables
            ]
            finite = shrink(
                group, inner, rules.slots, before, learning_rate, moved, rules.assign
            )
            sound += [finite] if group.regularizer.may_fail else []
        if rules.may_fail:
            failed = updated & ops.logical_not(ops.all(ops.stack(sound)))
            self._count_failure(failed, updated)

    def _count_failure(self, failed: Any, updated: Any) -> None:
        """Count a skipped step where a proximal step failed, else end their row."""
        total, in_row, task, loss = ops.unstack(ops.convert_to_tensor(self.skipped), 4)
        # Between two updates from accumulated gradients no proximal step is taken.
        waits = ops.logical_not(updated) & ops.equal(task, PROXIMAL_STEP)
        one = ops.cast(failed, "float32")
        self.skipped.assign(
            ops.stack(
                [
                    total + one,
                    (in_row + one) * ops.cast(failed | waits, "float32"),
                    ops.where(failed, PROXIMAL_STEP, task),
                    ops.where(failed, float("nan"), loss),
                ]
            )
        )

    def _all_are_present(self) -> bool:
        """Return whether every task is known to have a label, so that none is put back.

        Known it is only where steps run eagerly.
        """
        if not self.rules.num_tasks:
            return True
        values = concrete(ops.convert_to_tensor(self.present))
        return values is not None and bool((values > 0).all())

    def _keep_resting(self) -> list[tuple[KeptValues, tuple[int, ...]]]:
        """Return what to put back where all of some tasks turn out to be absent."""
        kept = []
        accumulates = bool(self.inner_optimizer.gradient_accumulation_steps)
        for variable, tasks in self.rules.resting(accumulates):
            slots = self.rules.slots.get(id(variable), {})
            state = [s for n, s in slots.items() if n not in NOT_RESTORED]
            kept.append((keep_values((variable, *state)), tasks))
        return kept

    def _put_back_unless(self, present: Any, kept: KeptValues) -> None:
        """Give a variable and its slots their kept values, unless a task is there."""
        (variable, value), *_ = kept
        if self.inner_optimizer.use_ema:
            away = value - ops.convert_to_tensor(variable)
            change = ops.where(present, ops.zeros_like(away), away)
            slots = self.rules.slots[id(variable)]
            follow(self.inner_optimizer, slots, change, self.rules.assign)
        put_back_unless(present, kept, self.rules.assign)

    def _present_in_update(self, updated: Any) -> Any:
        """Return which tasks had a label in any batch of this update."""
        if not self.inner_optimizer.gradient_accumulation_steps:
            return ops.convert_to_tensor(self.present) > 0
        seen = ops.maximum(
            ops.convert_to_tensor(self.seen), ops.convert_to_tensor(self.present)
        )
        self.seen.assign(ops.where(updated, ops.zeros_like(seen), seen))
        return seen > 0

    def _gather_steps(
        self, learning_rate: Any, updated: Any, there: dict[int, Any]
    ) -> None:
        """Let the slots `MOMENTUM_STEP` follow the optimizer's own buffers."""
        for variable in self.rules.shrunken:
            slot = self.rules.slots.get(id(variable), {}).get(MOMENTUM_STEP)
            if slot is None:
                continue
            moved = updated & there[id(variable)] if id(variable) in there else updated
            before = ops.convert_to_tensor(slot)
            kept = self.inner_optimizer.momentum * before
            after = kept + ops.cast(learning_rate, before.dtype)
            self.rules.assign(slot, ops.where(moved, after, before))

    def finalize_variable_values(self, var_list: list[keras.Variable]) -> None:
        """Set the final weights; an average keeps the zeros of the last weights."""
        inner = self.inner_optimizer
        shrunken = [v for group in self.rules.groups for v in group.variables]
        used = [ops.convert_to_tensor(v) != 0 for v in shrunken]
        inner.finalize_variable_values(var_list)
        if inner.use_ema:
            for variable in var_list:
                # JAX would share the average's memory, and lose both at the next step.
                variable.assign(ops.copy(ops.convert_to_tensor(variable)))
            for variable, mask in zip(shrunken, used, strict=True):
                average = ops.convert_to_tensor(variable)
                variable.assign(average * ops.cast(mask, average.dtype))

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate; settable."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self) -> Any:
        """Number of updates the inner optimizer made."""
        return self.inner_optimizer.iterations

    def scale_loss(self, loss: Any) -> Any:
        """Scale a loss as the inner optimizer does."""
        return self.inner_optimizer.scale_loss(loss)

    def exclude_from_weight_decay(
        self, var_list: Any = None, var_names: Any = None
    ) -> None:
        """Exclude variables from the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration; it names no backend."""
        return {
            "name": self.name,
            "inner_optimizer": portable_config(self.inner_optimizer),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "MultiTaskOptimizer":
        """Make the wrapper from its configuration."""
        inner = keras.saving.deserialize_keras_object(
            config["inner_optimizer"], custom_objects=custom_objects
        )
        return cls(inner, name=config["name"])
