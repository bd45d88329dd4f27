"""What tells the methods of meta-learning apart."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """What tells one method of meta-learning from another.

    Attributes:
        fast: The part that moves in the inner loop.
        first_order: Whether the inner gradients count as constants.
        learns_rates: Whether each weight's inner rate is learned as well.
        follows: Whether the start moves toward where the inner loop ended, in place of
            along the gradient of the loss there.
    """

    fast: str = "all"
    first_order: bool = False
    learns_rates: bool = False
    follows: bool = False


#: Name → method.
METHODS: Mapping[str, Method] = {
    "maml": Method(),
    "fomaml": Method(first_order=True),
    "anil": Method(fast="head"),
    "boil": Method(fast="trunk"),
    "meta_sgd": Method(learns_rates=True),
    "reptile": Method(first_order=True, follows=True),
}
