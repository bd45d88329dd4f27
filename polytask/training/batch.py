"""The rows of one step, and how they are mixed."""

from typing import Any, NamedTuple

from polytask._types import Tensor


class Mixing(NamedTuple):
    """How the rows of a batch are mixed.

    Attributes:
        share: λ, what a row keeps of itself.
        order: For each row the number of the row that it is mixed with.
        cut: Tasks whose labels were mixed themselves, place by place.
        place: Number of the place in the network where rows are mixed, or None.
    """

    share: Tensor
    order: Tensor
    cut: tuple[str, ...] = ()
    place: Tensor | None = None


class Batch(NamedTuple):
    """The rows of one step, taken apart by task.

    Attributes:
        x: Inputs of the model.
        y: Task → target.
        sample_weight: Task → weights or None.
        mixing: How the inputs are mixed, or None.
        beside: What regularizers of the training know of the rows, by name.
    """

    x: Any
    y: dict[str, Any]
    sample_weight: dict[str, Any]
    mixing: Mixing | None = None
    beside: dict[str, Any] | None = None
