"""Data-parallel training on TensorFlow: the replicas of a `tf.distribute` strategy."""

from typing import Any

import tensorflow as tf

from polytask.training.replicas import Replicas


class StrategyReplicas(Replicas):
    """The replicas of the current strategy."""

    def __init__(self) -> None:
        self.count = tf.distribute.get_strategy().num_replicas_in_sync

    @classmethod
    def current(cls) -> Replicas:
        """Return the strategy's replicas, or one replica where there is none."""
        return cls() if tf.distribute.has_strategy() else Replicas()

    def sum(self, tensors: list[Any]) -> list[Any]:
        """Return the sums over all replicas."""

        # The replica context's own `all_reduce` collides with the optimizer's.
        def reduce(strategy: tf.distribute.Strategy, parts: list[Any]) -> list[Any]:
            return [strategy.reduce("SUM", part, axis=None) for part in parts]

        context = tf.distribute.get_replica_context()
        summed: list[Any] = context.merge_call(
            reduce, args=(list(map(dense, tensors)),)
        )
        return summed


def assign(variable: Any, value: Any) -> None:
    """Assign a value that all replicas have computed alike.

    TensorFlow refuses a plain assignment in a replica where it does not know how to
    join the values of several.

    Args:
        variable: A Keras variable.
        value: Its new value.
    """
    if not tf.distribute.has_strategy() or tf.distribute.in_cross_replica_context():
        variable.assign(value)
        return

    def update(strategy: tf.distribute.Strategy, parts: Any) -> None:
        strategy.extended.update(
            variable.value, lambda v, part: v.assign(part), args=(parts,), group=False
        )

    value = tf.cast(value, variable.dtype)
    tf.distribute.get_replica_context().merge_call(update, args=(value,))


def dense(gradient: Any) -> Any:
    """Return a gradient as a tensor; an embedding's comes as slices."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.convert_to_tensor(gradient)
    return gradient
