"""The floor on TensorFlow, compiled with XLA, as Keras compiles its steps."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def floor(parts: Any, batched: bool) -> Callable[[int], None]:
    """Return a function that makes steps.

    Args:
        parts: `timing.floor.KerasParts`.
        batched: Whether to pull all tasks back together.
    """
    heads, targets = list(parts.heads.values()), list(parts.y.values())
    shared = [v.value for v in parts.trunk.trainable_variables]
    private = [[v.value for v in head.trainable_variables] for head in heads]

    @tf.function(jit_compile=True)
    def step(x: Any, targets: list[Any]) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            end = parts.trunk(x, training=True)
            copies = [tf.identity(end) for _ in heads]
            outputs = [
                head(copy, training=True)
                for head, copy in zip(heads, copies, strict=True)
            ]
            value = sum(
                tf.reduce_mean(tf.square(output - target))
                for output, target in zip(outputs, targets, strict=True)
            )
        cotangents, own = tape.gradient(value, [copies, private])

        def pull_back(cotangent: Any) -> Any:
            return tape.gradient(end, shared, output_gradients=cotangent)

        if batched:
            rows = tf.vectorized_map(pull_back, tf.stack(cotangents))
            gradients = [tf.reduce_sum(row, axis=0) for row in rows]
        else:
            pulled = [pull_back(cotangent) for cotangent in cotangents]
            gradients = [tf.add_n(row) for row in zip(*pulled, strict=True)]
        parts.optimizer.apply(parts.ordered(gradients, own), parts.variables)
        return value

    def run(steps: int) -> None:
        for _ in range(steps):
            value = step(parts.x, targets)
        float(value)

    return run
