"""Proxes that treat every entry on its own, and the projection that counts them."""

from polytask.numeric.namespace import Namespace, Tensor, into, is_double


def soft_threshold(xp: Namespace, v: Tensor, threshold: Tensor) -> Tensor:
    """Return sign(v) · max(|v| - threshold, 0): the prox of the absolute value.

    Args:
        xp: A namespace.
        v: Tensor.
        threshold: Tensor that broadcasts with `v`, at least 0; step · λ / D.

    Returns:
        Tensor of the shape of `v`; exactly 0.0 where |v| ≤ threshold.

    Example:
        >>> from keras import ops
        >>> shrunk = soft_threshold(ops, ops.array([3.0, -0.5, 1.0, -2.0]), 1.0)
        >>> ops.convert_to_numpy(shrunk).tolist()
        [2.0, 0.0, 0.0, -1.0]
    """
    low = -threshold
    place = low if getattr(low, "shape", None) == v.shape else None
    # What is taken away is the weight itself where it is small: an exact zero.
    taken = into(xp, place, "clip", v, low, threshold)
    return into(xp, place, "subtract", v, taken)


def elastic_net(xp: Namespace, v: Tensor, l1: Tensor, l2: Tensor) -> Tensor:
    """Return argmin over w of ½(w - v)² + l1·|w| + ½·l2·w², entry by entry.

    Args:
        xp: A namespace.
        v: Tensor.
        l1: Tensor that broadcasts with `v`, at least 0; step · λ₁ / D.
        l2: Tensor that broadcasts with `v`, at least 0; step · λ₂ / D.

    Returns:
        Tensor of the shape of `v`, exactly 0.0 where |v| ≤ l1.
    """
    return soft_threshold(xp, v, l1) / (1 + l2)


def hard_threshold(xp: Namespace, v: Tensor, strength: Tensor) -> Tensor:
    """Return v where v² > 2 · strength, else 0: the prox of the count of non-zeros.

    Args:
        xp: A namespace.
        v: Tensor.
        strength: Tensor that broadcasts with `v`, at least 0; step · λ / D.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Blumensath and Davies, "Iterative Thresholding for Sparse Approximations",
        J. Fourier Anal. Appl. 2008.
    """
    return xp.where(xp.abs(v) > xp.sqrt(2 * strength), v, xp.zeros_like(v))


def mcp_threshold(
    xp: Namespace, v: Tensor, strength: Tensor, gamma: float, step: Tensor
) -> Tensor:
    """Return argmin over w of ½(w - v)² + step · MCP(w), entry by entry.

    For gamma > step this is the firm threshold. For longer steps the objective is
    concave between the ends of the penalty's range, and the entry is either kept or
    dropped.

    Args:
        xp: A namespace.
        v: Tensor.
        strength: λ, at least 0.
        gamma: Where the penalty becomes flat, in units of λ.
        step: Tensor that broadcasts with `v`, at least 0; learning rate / D.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Zhang, "Nearly unbiased variable selection under minimax concave penalty",
        Ann. Stat. 2010.
    """
    size = xp.abs(v)
    firm = step < gamma
    slope = xp.where(firm, 1 - step / gamma, xp.ones_like(v))
    inside = soft_threshold(xp, v, step * strength) / slope
    shrunk = xp.where(size <= gamma * strength, inside, v)
    kept = size > strength * xp.sqrt(step * gamma)
    return xp.where(firm, shrunk, xp.where(kept, v, xp.zeros_like(v)))


def scad_threshold(
    xp: Namespace, v: Tensor, strength: Tensor, a: float, step: Tensor
) -> Tensor:
    """Return argmin over w of ½(w - v)² + step · SCAD(w), entry by entry.

    For step ≥ a - 1 the objective is concave on the penalty's middle range, so the
    minimum is the better of the two outer ranges.

    Args:
        xp: A namespace.
        v: Tensor.
        strength: λ, at least 0.
        a: Where the penalty becomes flat, in units of λ; above 2.
        step: Tensor that broadcasts with `v`, at least 0; learning rate / D.

    Returns:
        Tensor of the shape of `v`.

    Source:
        Fan and Li, "Variable Selection via Nonconcave Penalized Likelihood and its
        Oracle Properties", JASA 2001.
    """
    size = xp.abs(v)
    sign = xp.sign(v)
    soft = soft_threshold(xp, v, step * strength)
    convex = step < a - 1
    slope = xp.where(convex, a - 1 - step, xp.ones_like(v))
    middle = ((a - 1) * v - sign * step * a * strength) / slope
    shrunk = xp.where(
        size <= strength * (1 + step),
        soft,
        xp.where(size <= a * strength, middle, v),
    )
    near = xp.minimum(xp.abs(soft), strength)
    far = xp.maximum(size, a * strength)
    near_cost = 0.5 * xp.square(near - size) + step * strength * near
    far_cost = 0.5 * xp.square(far - size) + step * strength**2 * (a + 1) / 2
    jumped = xp.where(far_cost < near_cost, sign * far, sign * near)
    return xp.where(convex, shrunk, jumped)


def project_top_k(xp: Namespace, v: Tensor, count: int, metric: Tensor) -> Tensor:
    """Return v with all but the `count` entries of largest D v² set to zero.

    Args:
        xp: A namespace.
        v: Tensor; all its entries compete.
        count: Number of entries kept, at least 1. Of equal ones, the first stay.
        metric: The diagonal D > 0, of the shape of `v`, or a scalar.

    Returns:
        Tensor of the shape of `v`.
    """
    size = xp.reshape(xp.abs(v) * xp.sqrt(xp.ones_like(v) * metric), (-1,))
    if count >= int(size.shape[0]):
        return v
    if not is_double(size):
        size = xp.cast(size, "float32")
    code, level = _level(xp, size, count)
    above, equal = code > level, code == level
    room = count - xp.sum(xp.cast(above, "int32"))
    first = xp.cumsum(xp.cast(equal, "int32")) <= room
    kept = xp.reshape(above | (equal & first), v.shape)
    # Not a product: an infinite entry that is dropped must be zero, too.
    return xp.where(kept, v, xp.zeros_like(v))


def _level(xp: Namespace, size: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return each entry's bits as an integer, and those of the `count`-th largest.

    The bits of numbers of at least zero, read as integers, are in the same order. So
    the level is found bit by bit, with one count of the larger entries for each: far
    less than a sort, which on JAX takes ten times as long.

    Args:
        xp: A namespace.
        size: Vector of numbers of at least 0, in single or double precision.
        count: At least 1, at most the number of entries.
    """
    bits = 64 if is_double(size) else 32
    integer = f"int{bits}"
    code = xp.view(size, integer)
    one = xp.ones((), integer)

    def lower_bit(position: Tensor, level: Tensor) -> Tensor:
        bit = xp.left_shift(one, xp.cast(bits - 2 - position, integer))
        reached = xp.sum(xp.cast(code >= level + bit, "int32")) >= count
        return level + bit * xp.cast(reached, integer)

    return code, xp.fori_loop(0, bits - 1, lower_bit, xp.zeros((), integer))
