"""Bisection, for what has no formula."""

from collections.abc import Callable

from polytask.numeric.namespace import Namespace, Tensor, is_double

_MAX_DOUBLINGS = 40


def critical_number(
    xp: Namespace, holds: Callable[[Tensor], Tensor], start: Tensor
) -> Tensor:
    """Return the smallest number from which on a condition holds.

    Args:
        xp: A namespace.
        holds: Maps a scalar to a boolean scalar; once true, true for every larger
            number.
        start: A positive scalar of the right scale.

    Returns:
        Scalar, correct to the precision of `start` and on the side where the condition
        holds.
    """

    def halve(_: Tensor, bounds: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        low, high = bounds
        middle = 0.5 * (low + high)
        inside = holds(middle)
        return xp.where(inside, low, middle), xp.where(inside, middle, high)

    (high,) = xp.while_loop(
        lambda high: xp.logical_not(holds(high)),
        lambda high: (2 * high,),
        (start,),
        maximum_iterations=_MAX_DOUBLINGS,
    )
    # Each halving adds one binary digit; single precision has 24, double 53.
    halvings = 60 if is_double(start) else 30
    _, high = xp.fori_loop(0, halvings, halve, (xp.zeros_like(high), high))
    return high
