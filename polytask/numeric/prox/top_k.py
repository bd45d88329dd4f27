"""The projection onto vectors with at most k non-zeros."""

from keras import ops

from polytask.regularizers._tensor import Tensor, is_double


def project_top_k(v: Tensor, count: int, metric: Tensor) -> Tensor:
    """Return v with all but the `count` entries of largest D v² set to zero.

    Args:
        v: Tensor; all its entries compete.
        count: Number of entries kept, at least 1. Of equal ones, the first stay.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`.
    """
    size = ops.reshape(ops.abs(v) * ops.sqrt(ops.ones_like(v) * metric), (-1,))
    if count >= int(size.shape[0]):
        return v
    if not is_double(size):
        size = ops.cast(size, "float32")
    code, level = _level(size, count)
    above, equal = code > level, code == level
    room = count - ops.sum(ops.cast(above, "int32"))
    first = ops.cumsum(ops.cast(equal, "int32")) <= room
    kept = ops.reshape(above | (equal & first), v.shape)
    # Not a product: an infinite entry that is dropped must be zero, too.
    return ops.where(kept, v, ops.zeros_like(v))


def _level(size: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return each entry's bits as an integer, and those of the `count`-th largest.

    The bits of numbers of at least zero, read as integers, are in the same order. So
    the level is found bit by bit, with one count of the larger entries for each: far
    less than a sort, which on JAX takes ten times as long.

    Args:
        size: Vector of numbers of at least 0, in single or double precision.
        count: At least 1, at most the number of entries.
    """
    bits = 64 if is_double(size) else 32
    integer = f"int{bits}"
    code = ops.view(size, integer)
    one = ops.ones((), integer)

    def lower_bit(position: Tensor, level: Tensor) -> Tensor:
        bit = ops.left_shift(one, ops.cast(bits - 2 - position, integer))
        reached = ops.sum(ops.cast(code >= level + bit, "int32")) >= count
        return level + bit * ops.cast(reached, integer)

    return code, ops.fori_loop(0, bits - 1, lower_bit, ops.zeros((), integer))
