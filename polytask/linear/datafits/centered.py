"""Inputs without their mean."""

import numpy as np


def centered(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centered columns and their means.

    A constant column becomes exactly zero: what rounding leaves of it would look like
    an input with a tiny unit.

    Args:
        x: Matrix (examples, features).

    Returns:
        Matrix of the shape of `x`, and the means (features,).
    """
    means = x.mean(axis=0)
    constant = (x == x[:1]).all(axis=0)
    return np.where(constant, 0.0, x - means), np.where(constant, x[0], means)
