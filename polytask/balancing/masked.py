"""Softmax and means over the tasks that are present."""

from polytask.numeric.namespace import Namespace, Tensor


def count_of(ops: Namespace, present: Tensor) -> Tensor:
    """Return the number of present tasks as a float32 scalar."""
    return ops.sum(ops.cast(present, "float32"))


def masked_mean(ops: Namespace, x: Tensor, present: Tensor) -> Tensor:
    """Return the mean of `x` over the present tasks."""
    return ops.sum(ops.where(present, x, 0.0)) / count_of(ops, present)


def masked_softmax(ops: Namespace, x: Tensor, present: Tensor) -> Tensor:
    """Return the softmax of `x` over the present tasks, 0 elsewhere."""
    top = ops.max(ops.where(present, x, -3e38))
    e = ops.where(present, ops.exp(ops.where(present, x - top, 0.0)), 0.0)
    return e / ops.sum(e)


def relative_products(ops: Namespace, gramian: Tensor, present: Tensor) -> Tensor:
    """Return a Gramian in units of its mean diagonal over the present tasks."""
    mean = masked_mean(ops, ops.abs(ops.diagonal(gramian)), present)
    return gramian / ops.where(mean > 0, mean, 1.0)
