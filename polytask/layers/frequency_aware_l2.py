"""A ridge penalty on the embeddings that a batch uses."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from polytask._checks import checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.FrequencyAwareL2")
class FrequencyAwareL2(ConfiguredLayer):
    """(λ/2) Σ_j ‖w_j‖²/n_j over the distinct ids j of a batch; passes embeddings on.

    An L2 penalty on the whole table touches every row at every step, so that an id
    that is rarely seen shrinks many times between two of its examples. Here only the
    ids in the batch are decayed, each once however often it occurs, and a frequent id
    by less at a time: over an epoch all ids shrink about alike. It works behind any
    embedding layer, and its cost does not depend on the size of the table.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        counts: n_j, how often each id occurs in the training data, in the order of
            the ids: `np.bincount(ids, minlength=input_dim)`. An id without any counts
            as 1.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: A pair: the ids, integers of any shape, and their embeddings, which
            have one axis more. A position that the embeddings' Keras mask leaves out
            does not count.

    Raises:
        UserError: If the strength is negative or not finite, or the counts are empty,
            negative or not finite.

    Source:
        G. Zhou et al. (2018), "Deep Interest Network for Click-Through Rate
        Prediction", section 5.1, mini-batch aware regularization.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> ids = keras.Input((1,), dtype="int32")
        >>> vectors = keras.layers.Embedding(3, 8)(ids)
        >>> vectors = FrequencyAwareL2(1e-3, counts=[90, 9, 1])([ids, vectors])
        >>> vectors.shape
        (None, 1, 8)
    """

    def __init__(
        self, strength: float = 0.01, *, counts: Sequence[float], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.strength = checked_strength(strength, "FrequencyAwareL2")
        self.counts = _checked_counts(counts)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Check that the embeddings belong to the ids."""
        try:
            ids, vectors = input_shape
            fits = len(vectors) == len(ids) + 1
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise UserError(
                f'FrequencyAwareL2 "{self.name}": call it on [ids, embeddings] with '
                f"one axis more in the embeddings; found the shapes {input_shape}."
            )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Add the penalty of a batch and return its embeddings."""
        ids, vectors = inputs
        self.add_loss(self._penalty(ids, vectors, mask[1] if mask else None))
        return vectors

    def _penalty(self, ids: Any, vectors: Any, mask: Any) -> Any:
        ids = ops.cast(ops.reshape(ids, (-1,)), "int32")
        vectors = ops.cast(vectors, "float32")
        squares = ops.reshape(ops.sum(ops.square(vectors), axis=-1), (-1,))
        kept = ops.ones_like(squares)
        # Positions left out form a group of their own, apart from every id.
        groups = ids
        if mask is not None:
            there = ops.reshape(mask, (-1,))
            kept = ops.cast(there, "float32")
            groups = ops.where(there, ids, -ops.ones_like(ids))
        ordered = ops.sort(groups)
        times = ops.searchsorted(ordered, groups, side="right") - ops.searchsorted(
            ordered, groups, side="left"
        )
        counts = ops.take(ops.convert_to_tensor(np.maximum(self.counts, 1.0)), ids)
        rows = kept * squares / (counts * ops.cast(times, "float32"))
        return 0.5 * self.strength * ops.sum(rows)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the embeddings."""
        return previous_mask[1] if previous_mask else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the embeddings."""
        return input_shape[1]


def _checked_counts(counts: Any) -> np.ndarray:
    numbers = np.asarray(counts)
    number = np.issubdtype(numbers.dtype, np.number) and numbers.ndim == 1
    if (
        not number
        or not numbers.size
        or not np.all(np.isfinite(numbers))
        or numbers.min() < 0
    ):
        raise UserError(
            "FrequencyAwareL2: counts must be a list with a number of at least 0 for "
            "each id, such as np.bincount(ids, minlength=input_dim); found "
            f"{np.array2string(numbers, threshold=5)}."
        )
    return numbers.astype("float32")
