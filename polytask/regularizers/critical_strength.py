"""The smallest strength at which a norm without a known dual gives all zeros."""

from collections.abc import Callable

from keras import ops

from polytask.regularizers._tensor import Tensor

# Each halving adds one binary digit; float32 has 24.
_DOUBLINGS = 40
_HALVINGS = 30


def critical_strength(is_zero: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """Return the smallest number at which `is_zero` holds, by bisection.

    Args:
        is_zero: Maps a scalar tensor to a boolean scalar; once true, true for every
            larger number.
        start: A positive scalar of the right scale.

    Returns:
        Scalar tensor, correct to float32 and on the side where `is_zero` holds.
    """

    def widen(_: Tensor, high: Tensor) -> Tensor:
        return ops.where(is_zero(high), high, 2 * high)

    def halve(_: Tensor, bounds: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        low, high = bounds
        middle = 0.5 * (low + high)
        zero = is_zero(middle)
        return ops.where(zero, low, middle), ops.where(zero, middle, high)

    high = ops.fori_loop(0, _DOUBLINGS, widen, start)
    _, high = ops.fori_loop(0, _HALVINGS, halve, (ops.zeros_like(high), high))
    return high
