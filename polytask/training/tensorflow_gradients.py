"""The tasks' gradients on TensorFlow."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from polytask.training.task_gradients import Cotangent, TaskGradients


class TensorFlowGradients(TaskGradients):
    """See `TaskGradients`.

    Args:
        tape: A persistent tape that recorded the shared part.
        ends: The tensors at the trunk's end.
        parameters: The shared variables.
        cotangents: For each task its gradient at the trunk's end.
        **options: Further arguments of `TaskGradients`.
    """

    def __init__(
        self,
        tape: tf.GradientTape,
        ends: Sequence[tf.Tensor],
        parameters: Sequence[tf.Variable],
        cotangents: list[Cotangent],
        **options: Any,
    ) -> None:
        super().__init__(cotangents, **options)
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
        return gradients(self.tape, targets, self.parameters, seeds)

    def push_forward(self, direction: list[Any]) -> Cotangent:
        """Differentiate the pull-back, which is linear in the cotangent."""
        seeds = [tf.zeros_like(t) for t in self.ends]
        with tf.GradientTape() as outer:
            outer.watch(seeds)
            pulled = list(map(dense, self.pull_back(seeds)))
        return gradients(outer, pulled, seeds, direction)

    def each(self, function: Callable[..., Any], *items: list[Any]) -> Any:
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
        variables: list[keras.Variable],
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


def dense(gradient: Any) -> Any:
    """Return a gradient as a tensor; an embedding's comes as slices."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.convert_to_tensor(gradient)
    return gradient
