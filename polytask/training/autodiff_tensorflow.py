"""Differentiation on TensorFlow: one persistent tape, inside Keras's `tf.function`."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Self

import tensorflow as tf

from polytask._types import Tensor, Variable
from polytask.optimizers.kept_values import KeptValues, put_back
from polytask.training.autodiff import RecordedAutodiff, TrainedModel
from polytask.training.replicas_tensorflow import StrategyReplicas, dense
from polytask.training.step import take_step
from polytask.training.task_gradients import (
    Cotangent,
    HeadGradients,
    TaskGradients,
)


def train_step(model: TrainedModel, data: Any) -> dict[str, Any]:
    """Make one update; see `polytask.training.step`.

    Args:
        model: The model.
        data: A batch `(x, y)` or `(x, y, sample_weight)`.

    Returns:
        The logs.
    """
    return take_step(TensorFlowAutodiff(model), data)


def building_scope(model: Any) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which training state is made."""
    scope: contextlib.AbstractContextManager[Any] = model.distribute_strategy.scope()
    return scope


def end_training(model: TrainedModel) -> None:
    """Give up what train steps kept for the next one: nothing on TensorFlow."""


class TensorFlowAutodiff(RecordedAutodiff):
    """The passes of a train step on TensorFlow.

    Args:
        model: The model.
    """

    def __init__(self, model: TrainedModel) -> None:
        super().__init__(model, StrategyReplicas.current())
        self.tape = tf.GradientTape(persistent=True)

    def again(self) -> Self:
        """See `Autodiff.again`."""
        return type(self)(self.model)

    def recording(self) -> contextlib.AbstractContextManager[Any]:
        """See `RecordedAutodiff.recording`."""
        tape: contextlib.AbstractContextManager[Any] = self.tape
        return tape

    def leaf(self, tensor: Tensor) -> Tensor:
        """See `RecordedAutodiff.leaf`."""
        return tf.identity(tensor)

    def gradients(
        self, targets: list[Tensor], sources: list[Tensor], seeds: list[Tensor]
    ) -> list[Tensor]:
        """See `RecordedAutodiff.gradients`."""
        return list(gradients(self.tape, targets, sources, seeds))

    def task_gradients(
        self, heads: HeadGradients, halves: list[HeadGradients]
    ) -> TaskGradients:
        """See `Autodiff.task_gradients`."""
        return TensorFlowGradients(
            self.tape,
            self.ends,
            self.parameters,
            heads,
            tied_at=self.plan.tied_at,
            scale=self.scale,
            replicas=self.replicas,
            halves=halves,
        )

    def input_gradient(
        self, function: Callable[[list[Tensor]], Tensor], values: list[Tensor]
    ) -> list[Tensor]:
        """See `Autodiff.input_gradient`."""
        leaves = list(map(self.leaf, values))
        with tf.GradientTape() as tape:
            tape.watch(leaves)
            result = function(leaves)
        return list(gradients(tape, result, leaves))

    def slope_gradient(
        self,
        targets: Callable[[Tensor], list[Tensor]],
        penalty: Callable[[list[Tensor]], Tensor],
        x: Tensor,
    ) -> list[Tensor]:
        """See `Autodiff.slope_gradient`."""
        leaf = self.leaf(x)
        with tf.GradientTape() as outer:
            with tf.GradientTape(persistent=True) as inner:
                inner.watch(leaf)
                values = targets(leaf)
            value = penalty([gradients(inner, each, leaf) for each in values])
        parameters = [v.value for v in self.model.trainable_variables]
        return list(map(dense, gradients(outer, value, parameters)))

    def commit_traced(
        self, taken: Tensor, update: Callable[[], None], kept: KeptValues
    ) -> None:
        """Branch, where TensorFlow can.

        The optimizer communicates between replicas, which TensorFlow forbids inside a
        condition. And XLA moves the backward pass into it, where it has no fast
        convolution.
        """
        if tf.distribute.has_strategy() or self.model.jit_compile:
            super().commit_traced(taken, update, kept)
        else:
            tf.cond(taken, update, lambda: put_back(kept, self.plan.assign))


class TensorFlowGradients(TaskGradients):
    """See `TaskGradients`.

    Args:
        tape: A persistent tape that recorded the shared part.
        ends: The tensors at the trunk's end.
        parameters: The shared variables.
        heads: The tasks' gradients, from their heads.
        **options: Further arguments of `TaskGradients`.
    """

    def __init__(
        self,
        tape: tf.GradientTape,
        ends: Sequence[tf.Tensor],
        parameters: Sequence[tf.Variable],
        heads: HeadGradients,
        **options: Any,
    ) -> None:
        super().__init__(heads, **options)
        self.tape = tape
        self.ends = list(ends)
        self.parameters = list(parameters)

    def dense(self, gradient: Any) -> Any:
        """Return a gradient as a tensor; an embedding's comes as slices."""
        return dense(gradient)

    def pull_back(self, cotangent: Cotangent) -> list[Any]:
        """Return one gradient for each shared variable."""
        pairs = zip(self.ends, cotangent, strict=True)
        reached = [(end, c) for end, c in pairs if c is not None]
        targets, seeds = [end for end, _ in reached], [c for _, c in reached]
        return list(gradients(self.tape, targets, self.parameters, seeds))

    def push_forward(self, direction: list[Any]) -> Cotangent:
        """Differentiate the pull-back, which is linear in the cotangent."""
        seeds = [tf.zeros_like(t) for t in self.ends]
        with tf.GradientTape() as outer:
            outer.watch(seeds)
            pulled = list(map(dense, self.pull_back(seeds)))
        return list(gradients(outer, pulled, seeds, direction))

    def each(self, function: Callable[..., Tensor], *items: Sequence[Any]) -> Tensor:
        """Call the function for one task after the other, in a graph as well."""
        results: list[Any] = []
        for parts in zip(*items, strict=True):
            with tf.control_dependencies(results[-1:]):
                results.append(function(*parts))
        return tf.stack(results)

    def choose(
        self,
        condition: Any,
        then: Callable[[], Any],
        otherwise: Callable[[], Any],
        variables: list[Variable],
    ) -> Any:
        """Run one of two branches of the graph."""

        def tensors(function: Callable[[], Any]) -> Callable[[], Any]:
            return lambda: tf.nest.map_structure(dense, function())

        if self.replicas.count > 1:
            # TensorFlow forbids replicas to communicate inside a condition. The
            # balancer keeps its weights by itself where none are due.
            return then()
        return tf.cond(condition, tensors(then), tensors(otherwise))


def gradients(
    tape: tf.GradientTape, target: Any, sources: Any, cotangent: Any = None
) -> Any:
    """Return the gradients, zeros for sources that the target does not depend on.

    Args:
        tape: A tape that recorded the target.
        target: What is differentiated.
        sources: With respect to what; any structure.
        cotangent: One tensor for each target; None for scalars.

    Returns:
        One gradient for each source; an embedding's comes as slices.
    """
    return tape.gradient(
        target,
        sources,
        output_gradients=cotangent,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
