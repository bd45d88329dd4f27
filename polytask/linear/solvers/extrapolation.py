"""Anderson extrapolation of a converging sequence."""

import numpy as np


class Extrapolation:
    """Combines the last points so that their last changes cancel.

    Args:
        depth: Number of changes that are combined.

    Source:
        Bertrand and Massias, "Anderson acceleration of coordinate descent", AISTATS
        2021.
    """

    def __init__(self, depth: int = 5) -> None:
        self.depth = depth
        self.points: list[np.ndarray] = []

    def add(self, point: np.ndarray) -> np.ndarray | None:
        """Add a point.

        Args:
            point: The next one of the sequence.

        Returns:
            The extrapolated point once there are enough, and the sequence starts
            anew; None before.
        """
        self.points.append(point.copy())
        if len(self.points) <= self.depth:
            return None
        stack = np.stack([p.ravel() for p in self.points])
        self.points = []
        changes = np.diff(stack, axis=0)
        products = changes @ changes.T
        try:
            weights = np.linalg.solve(products, np.ones(self.depth))
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(weights).all() or weights.sum() == 0:
            return None
        extrapolated: np.ndarray = (weights / weights.sum()) @ stack[1:]
        return extrapolated.reshape(point.shape)
