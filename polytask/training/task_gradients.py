"""The tasks' gradients at the end of the shared part, and the ways through it."""

import functools
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
from keras import ops

from polytask._types import Tensor
from polytask.training.replicas import Replicas

#: One tensor for each tensor at the trunk's end; None where it is zero.
Cotangent: TypeAlias = list[Tensor]

# Gradients of so many entries at most are read as they are by `check_sum`.
_SMALL = 4096


class HeadGradients(NamedTuple):
    """The gradients of what the heads computed, one entry for each task.

    Attributes:
        cotangents: The gradient at the trunk's end.
        private: The gradients of the task's private variables.
        tied: The direct gradients of the shared variables that a head uses too. May be
            one list for all tasks, where the tasks have this in common.
    """

    cotangents: list[Cotangent]
    private: Sequence[list[Tensor]] = ()
    tied: Sequence[list[Tensor]] = ()


class TaskGradients(ABC):
    """The tasks' gradients where the shared part ends; one subclass a framework.

    From there a cotangent is pulled back to the shared variables, and a direction of
    the shared variables is pushed forward. Both are linear maps, each the transpose
    of the other; random numbers are those of the forward pass.

    Args:
        heads: The tasks' gradients, from their heads.
        tied_at: Positions of the tied variables among the shared ones.
        scale: The factor by which a loss-scale optimizer scaled the losses.
        replicas: The processes or devices that hold the rest of the batch.
        halves: The gradients on two disjoint halves of the batch, for balancers that
            compare independent batches; else empty.
    """

    def __init__(
        self,
        heads: HeadGradients,
        tied_at: Sequence[int] = (),
        scale: Any = 1.0,
        replicas: Replicas | None = None,
        halves: Sequence[HeadGradients] = (),
    ) -> None:
        self.heads = heads
        self.tied_at = tuple(tied_at)
        self.scale = scale
        self.replicas = replicas or Replicas()
        self.halves = halves

    @abstractmethod
    def pull_back(self, cotangent: Cotangent) -> list[Any]:
        """Return one gradient for each shared variable."""

    @abstractmethod
    def push_forward(self, direction: list[Any]) -> Cotangent:
        """Return how the trunk's end moves with the shared variables."""

    @abstractmethod
    def each(self, function: Callable[..., Tensor], *items: Sequence[Any]) -> Tensor:
        """Return the (T, ...) stack of `function`'s results, one after the other.

        Args:
            function: From one task's entries of `items` to a tensor. A call begins
                only when the one before is done, so that memory is needed once.
            *items: Lists with one entry a task, of equal structure.
        """

    @abstractmethod
    def choose(
        self,
        condition: Any,
        then: Callable[[], Any],
        otherwise: Callable[[], Any],
        variables: list[keras.Variable],
    ) -> Any:
        """Return what one of two functions returns; only that one is computed.

        Args:
            condition: Bool scalar.
            then: Called where it holds.
            otherwise: Called elsewhere; returns the same structure.
            variables: What either of them may assign.
        """

    def dense(self, gradient: Any) -> Any:
        """Return a gradient as a tensor; a framework may have a sparse form."""
        return gradient

    def gradient(self, cotangent: Cotangent, tied: list[Any]) -> list[Any]:
        """Return the gradient of the shared variables, both ways added."""
        gradients = self.pull_back(cotangent)
        for position, more in zip(self.tied_at, tied, strict=True):
            gradients[position] = self.dense(gradients[position]) + self.dense(more)
        return gradients

    def summed(self, heads: HeadGradients) -> list[Tensor]:
        """Return the sum over tasks of the gradients of the shared variables."""
        return self.gradient(total(heads.cotangents), total(heads.tied))

    def combined(self, weights: Any) -> list[Any]:
        """Return the weighted sum of the tasks' gradients, by one pull-back."""
        cotangents, tied = zip(*self._pairs(), strict=True)
        return self.gradient(
            self.weighted(weights, cotangents), self.weighted(weights, tied)
        )

    def weighted(
        self, weights: Tensor, per_task: Sequence[list[Tensor]]
    ) -> list[Tensor]:
        """Return the weighted sum over tasks of equally long lists of tensors.

        Args:
            weights: (T,) weights.
            per_task: T lists; None stands for zero.

        Returns:
            One list; None where all are.
        """
        sums = []
        for parts in zip(*per_task, strict=True):
            terms = [(weights[t], p) for t, p in enumerate(parts) if p is not None]
            sums.append(self.sum_of_products(terms) if terms else None)
        return sums

    def sum_of_products(self, terms: list[tuple[Any, Any]]) -> Any:
        """Return the sum of tensors, each times a float32 scalar.

        Args:
            terms: Pairs of a scalar and a tensor; at least one.
        """
        return sum(ops.cast(weight, part.dtype) * part for weight, part in terms)

    def check_sum(self, gradients: list[Tensor]) -> Tensor:
        """Return a float32 scalar, not finite where an entry of a gradient is not.

        XLA adds all entries of an array one after the other, and each of many small
        arrays by itself. So large ones are added along all axes but the last, by a
        product with ones, and what is left is read together. It would be taken apart
        again, were it not for the absolute values.
        """
        parts = [_row_sums(ops.cast(self.dense(g), "float32")) for g in gradients]
        return ops.sum(ops.abs(ops.concatenate([*parts, ops.zeros(1, "float32")])))

    def rows(self, half: int | None = None) -> list[Any]:
        """Return, for each shared variable, the (T, ...) stack of the gradients.

        Args:
            half: Which half of the batch; default: all of it.
        """
        pulled = [self.gradient(*pair) for pair in self._pairs(half)]
        return [
            ops.stack([self.dense(gradient) for gradient in row])
            for row in zip(*pulled, strict=True)
        ]

    def at_the_end(self) -> list[Any]:
        """Return, for each tensor at the trunk's end, the stack of the cotangents."""
        return [ops.stack(row) for row in zip(*self.heads.cotangents, strict=True)]

    def products_one_row_at_a_time(
        self, left: int | None = None, right: int | None = None
    ) -> Any:
        """Return the tasks' inner products without the T rows in memory.

        One task's gradient g is pulled back and pushed forward again: the products
        with all tasks are <c_i, J g>, where c_i are the cotangents. So T pull-backs,
        T push-forwards and the memory of one row give all of the Gramian, exactly.

        Args:
            left: Which half of the batch the rows come from; default: all of it.
            right: The same for the columns.

        Returns:
            (T, T) float32 tensor, times the square of `scale`, summed over replicas.
        """
        ends, tied_ends = zip(*self._pairs(left), strict=True)
        stacks = [_stacked(row) for row in zip(*ends, strict=True)]
        tied_stacks = [ops.stack(row) for row in zip(*tied_ends, strict=True)]

        def column(cotangent: Cotangent, tied: list[Any]) -> Any:
            gradient = self.gradient(cotangent, tied)
            row = self.replicas.sum([self.dense(g) for g in gradient])
            # Of unit length, a direction passes through half precision unharmed.
            squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in row]
            length = ops.sqrt(sum(squares))
            unit = ops.where(length > 0, 1.0 / length, 0.0)
            direction = [g * ops.cast(unit, g.dtype) for g in row]
            moved = self.push_forward(direction)
            moved += [direction[position] for position in self.tied_at]
            return length * sum(
                ops.matmul(_flat(stack), ops.reshape(ops.cast(m, "float32"), (-1,)))
                for stack, m in zip([*stacks, *tied_stacks], moved, strict=True)
            )

        cotangents, tied = zip(*self._pairs(right), strict=True)
        columns = self.each(column, cotangents, tied)
        (products,) = self.replicas.sum([ops.transpose(columns)])
        return products

    def _pairs(self, half: int | None = None) -> list[tuple[Cotangent, list[Tensor]]]:
        """Return each task's gradient at the trunk's end, and of the tied variables."""
        heads = self.heads if half is None else self.halves[half]
        tied = heads.tied or [[] for _ in heads.cotangents]
        return list(zip(heads.cotangents, tied, strict=True))


def total(per_task: Sequence[list[Tensor]]) -> list[Tensor]:
    """Return the sum over tasks of equally long lists of tensors.

    Args:
        per_task: T lists; None stands for zero.

    Returns:
        One list; None where all are.
    """
    sums: list[Tensor] = []
    for parts in zip(*per_task, strict=True):
        known = [part for part in parts if part is not None]
        sums.append(functools.reduce(operator.add, known) if known else None)
    return sums


def gramian(left: list[Any], right: list[Any] | None = None) -> Any:
    """Return the (T, T) inner products of the tasks' gradients.

    Args:
        left: For each variable, the (T, ...) stack of the tasks' gradients.
        right: The same of another batch; default: the same gradients.

    Returns:
        Float32 tensor.
    """
    pairs = zip(left, left if right is None else right, strict=True)
    return sum(ops.matmul(_flat(a), ops.transpose(_flat(b))) for a, b in pairs)


def combine(rows: list[Any], weights: Any) -> list[Any]:
    """Return the weighted sum of the tasks' gradients, for each variable.

    Args:
        rows: For each variable, the (T, ...) stack of the tasks' gradients.
        weights: (T,) weights.

    Returns:
        One gradient for each variable.
    """
    return [ops.tensordot(ops.cast(weights, r.dtype), r, axes=1) for r in rows]


def _stacked(parts: tuple[Any, ...]) -> Any:
    """Return the stack of one tensor a task, with zeros where it is None."""
    known = [part for part in parts if part is not None]
    zeros = ops.zeros_like(known[0]) if known else ops.zeros(())
    return ops.stack([zeros if part is None else part for part in parts])


def _row_sums(gradient: Any) -> Any:
    """Return the sums over all axes but the last, or all entries where they are few.

    The shape may be unknown on TensorFlow, of features of sequences of any length.
    """
    shape = gradient.shape
    if None not in shape and math.prod(shape) > _SMALL:
        rows = math.prod(shape[:-1])
        ones = ops.ones((1, rows), gradient.dtype)
        gradient = ops.matmul(ones, ops.reshape(gradient, (rows, shape[-1])))
    return ops.reshape(gradient, (-1,))


def _flat(stack: Any) -> Any:
    return ops.reshape(ops.cast(stack, "float32"), (stack.shape[0], -1))
