"""Balancers that need the inner products of the task gradients."""

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer
from polytask.errors import one_of

PLACES = ("shared", "representation")


@polytask_export("polytask.balancing.GramianBalancer")
class GramianBalancer(Balancer):
    """Base of methods whose weights follow from the tasks' inner products.

    Args:
        update_every: Compute new weights every so many steps and keep them in
            between; a step in between costs one pull-back instead of T. Defaults to
            1.
        on: `"shared"`: the Gramian of the gradients of the shared variables, from T
            pull-backs through the shared part. `"representation"`: that of the
            gradients of its output, which costs none: one pull-back in all, as in
            MGDA-UB. Defaults to "shared".

    Raises:
        UserError: If an argument is none of these.

    Source:
        O. Sener, V. Koltun (2018), Multi-task learning as multi-objective optimization
        (for `on="representation"`, the upper bound).

    Example:
        >>> from polytask.balancing import MGDA
        >>> MGDA(on="representation").get_config()
        {'update_every': 1, 'on': 'representation'}
    """

    requires = "gramian"

    def __init__(self, update_every: int = 1, on: str = "shared") -> None:
        super().__init__(update_every)
        one_of("on", on, PLACES)
        self.on = on
