"""The devices or processes that each hold a part of the batch."""

from typing import Any


class Replicas:
    """One device that holds the whole batch; data-parallel training has subclasses.

    Each replica computes its part of the sums over the rows of the global batch; the
    sum over replicas is the whole.

    Attributes:
        count: How many there are.
    """

    count = 1

    def sum(self, tensors: list[Any]) -> list[Any]:
        """Return the sums over all replicas, the same on each.

        Args:
            tensors: This replica's parts.
        """
        return tensors

    def average(self, variables: list[Any]) -> None:
        """Give all replicas the mean of their batch statistics.

        Args:
            variables: Keras variables; those that hold no floats stay.
        """


def assign(variable: Any, value: Any) -> None:
    """Assign a value that all replicas have computed alike.

    Args:
        variable: A Keras variable.
        value: Its new value.
    """
    variable.assign(value)
