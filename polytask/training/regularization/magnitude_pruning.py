"""Small weights set to zero, more of them as the training goes on."""

from typing import Any, ClassVar

import keras
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask._types import Tensor, Variable
from polytask.errors import UserError
from polytask.training.regularization.training_regularizer import (
    TrainedTasks,
    TrainingRegularizer,
)


@polytask_export("polytask.training.MagnitudePruning")
class MagnitudePruning(TrainingRegularizer):
    """Keeps a growing share of each kernel at zero: its smallest weights.

    After update t from b to e, every n updates, the smallest weights of each kernel are
    set to zero, a share of

    s_t = s (1 - (1 - (t - b) / (e - b))³)

    of them. A weight that is zero gets no gradient and stays zero, in the perturbation
    of `SAM` too; `polytask.compact` leaves out what is then not needed. Vectors and
    embeddings are not pruned.

    Args:
        sparsity: s, the share of zeros in the end, above 0 and below 1.
        begin: b, at least 0. Default: 0.
        end: e, above b. Default: 1,000.
        every: n, at least 1; should divide e - b. Default: 100.

    Raises:
        UserError: If a number is out of range, or, in `compile`, there is no kernel or
            the optimizer has `use_ema`, whose averages of zeros and others are no
            zeros.

    Source:
        Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for
        model compression", 2017.

    Example:
        >>> MagnitudePruning(0.8, end=500)
        MagnitudePruning(sparsity=0.8, begin=0, end=500, every=100)
    """

    averages: ClassVar[bool] = False

    def __init__(
        self, sparsity: float, begin: int = 0, end: int = 1000, every: int = 100
    ) -> None:
        owner = "MagnitudePruning"
        self.sparsity = checked_number(
            sparsity, "sparsity", owner, above=0.0, below=1.0
        )
        self.begin = checked_count(begin, "begin", owner, at_least=0)
        self.end = checked_count(end, "end", owner, at_least=self.begin + 1)
        self.every = checked_count(every, "every", owner)
        self._masks: dict[int, Variable] = {}

    @property
    def variables(self) -> list[Variable]:
        """Which weights are kept."""
        return list(self._masks.values())

    def bind(self, model: Any, tasks: TrainedTasks) -> None:
        """Find the kernels; at first all weights are kept."""
        kernels = [
            v
            for v in model.trainable_variables
            if len(v.shape) > 1 and v.name != "embeddings"
        ]
        if not kernels:
            raise UserError("MagnitudePruning prunes kernels, and the model has none.")
        self._masks = {
            id(v): keras.Variable(
                ops.ones(v.shape), trainable=False, dtype=v.dtype, name="kept"
            )
            for v in kernels
        }

    def keeps_zeros(self, variable: Variable) -> bool:
        """See `TrainingRegularizer.keeps_zeros`."""
        return id(variable) in self._masks

    def share(self, updates: Tensor) -> Tensor:
        """Return s_t, the share of zeros after an update.

        Args:
            updates: t.
        """
        passed = (ops.cast(updates, "float32") - self.begin) / (self.end - self.begin)
        passed = ops.clip(passed, 0.0, 1.0)
        return self.sparsity * (1.0 - ops.power(1.0 - passed, 3))

    def of_gradients(self, step: Any, gradients: list[Tensor]) -> list[Tensor]:
        """Take the gradient of zeros away, so that no momentum gathers."""
        variables = step.model.trainable_variables
        masks = [self._masks.get(id(v)) for v in variables]
        return [
            g if mask is None else g * ops.cast(ops.convert_to_tensor(mask), g.dtype)
            for g, mask in zip(gradients, masks, strict=True)
        ]

    def after_update(self, step: Any, moved: Tensor) -> None:
        """Set the smallest weights to zero, and those that were."""
        updates = ops.convert_to_tensor(step.plan.optimizer.iterations)
        inside = (updates >= self.begin) & (updates <= self.end)
        due = moved & inside & ops.equal((updates - self.begin) % self.every, 0)
        share = self.share(updates)
        kernels = [v for v in step.model.trainable_variables if id(v) in self._masks]
        values = [ops.convert_to_tensor(v) for v in kernels]
        kept = [ops.convert_to_tensor(self._masks[id(v)]) for v in kernels]
        masks = ops.cond(
            due, lambda: [_largest(w, share) for w in values], lambda: kept
        )
        for variable, value, mask in zip(kernels, values, masks, strict=True):
            step.plan.assign(self._masks[id(variable)], mask)
            step.plan.assign(variable, value * mask)


def _largest(weights: Tensor, share: Tensor) -> Tensor:
    """Return 1 for the weights that stay, 0 for a share of them, the smallest.

    Args:
        weights: Of one kernel.
        share: Of zeros.
    """
    size = ops.reshape(ops.abs(weights), (-1,))
    number = ops.round(share * ops.cast(ops.shape(size)[0], "float32"))
    rank = ops.argsort(ops.argsort(size))
    stays = ops.cast(ops.cast(rank, "float32") >= number, weights.dtype)
    return ops.reshape(stays, weights.shape)
