"""A point with what is known about the loss there."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class State:
    """A point on the way to the minimum; a later problem can start from it.

    Attributes:
        variable: W, or its parts stacked.
        loss: The loss, without ridge and penalty.
        gradient: Its gradient in W.
    """

    variable: np.ndarray
    loss: float
    gradient: np.ndarray

    def beyond(self, previous: "State", share: float) -> "State":
        """Return the point on the line from `previous`, for a quadratic loss.

        Its loss and gradient follow from those of the two points.

        Args:
            previous: Another point.
            share: How far to go on, as a fraction of the distance between the two.
        """
        change = self.gradient - previous.gradient
        w, before = self.variable, previous.variable
        step = w - before
        total = step.sum(axis=0) if step.ndim > self.gradient.ndim else step
        slope = float(np.vdot(total, self.gradient))
        curvature = float(np.vdot(total, change))
        return State(
            w + share * step,
            self.loss + share * slope + 0.5 * share**2 * curvature,
            self.gradient + share * change,
        )
