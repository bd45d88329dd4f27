"""A layer that sums the embeddings of a text's n-grams."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("polytask_examples")
class Bag(keras.layers.Layer):
    """The weighted sum of the n-grams' embeddings, and a bias.

    Called with a task, it reads the table of that task.

    One table for all tasks and a look-up at (task, n-gram) costs a batch no more than
    one encoder, where 16 private layers would each read every row. A row moves its own
    task's part of the table alone.

    Args:
        num_ngrams: N-grams in the table; those with a higher number are left out.
        units: Length of an embedding.
        num_tasks: Tables, one per task; 0 for one table that all share.
        spread: Standard deviation of the start; 0 starts at zero.
    """

    def __init__(
        self,
        num_ngrams: int,
        units: int,
        num_tasks: int = 0,
        spread: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_ngrams, self.units = num_ngrams, units
        self.num_tasks, self.spread = num_tasks, spread

    def build(self, *shapes: Any) -> None:
        """Make the table; its first row is the padding's, whose weight is zero."""
        rows = (self.num_ngrams + 1) * max(1, self.num_tasks)
        start = keras.initializers.RandomNormal(stddev=self.spread)
        self.table = self.add_weight(
            shape=(rows, self.units), initializer=start if self.spread else "zeros"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, ngrams: Any, weights: Any, task: Any = None) -> Any:
        """Return the sums, (rows, units)."""
        known = ngrams <= self.num_ngrams
        weights = ops.where(known, weights, 0)
        rows = ops.where(known, ngrams, 0)
        if task is not None:
            rows = rows + ops.reshape(task, (-1, 1)) * (self.num_ngrams + 1)
        embedded = ops.take(self.table, rows, axis=0)
        return ops.einsum("bk,bku->bu", weights, embedded) + self.bias

    def compute_output_shape(
        self, ngrams_shape: Any, weights_shape: Any, task_shape: Any = None
    ) -> Any:
        """Return (rows, units)."""
        return (ngrams_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "num_ngrams": self.num_ngrams,
            "units": self.units,
            "num_tasks": self.num_tasks,
            "spread": self.spread,
        }
