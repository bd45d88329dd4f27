"""Hard sharing: all tasks read the same features."""

from collections.abc import Iterable
from typing import Any

from polytask.layers._block import Make, make_block
from polytask.layers.sharing import Sharing


class SharedBottom(Sharing):
    """h(x) for every task: the plain form of sharing, and the one to beat.

    Args:
        tasks: Task names.
        units: Widths of the dense layers. Defaults to (64,).
        activation: Their activation.
        make: A function without arguments that returns the trunk (any layer), instead
            of dense layers.
        name: Prefix of the layers' names.

    Raises:
        UserError: If a task is named twice or a width is below 1.

    Source:
        Caruana, "Multitask Learning", Machine Learning 1997.

    Example:
        >>> import keras
        >>> x = keras.Input((20,))
        >>> features = SharedBottom(["click", "buy"], units=(64, 32))(x)
        >>> features["click"] is features["buy"]
        True
    """

    def __init__(
        self,
        tasks: Iterable[str],
        units: Iterable[int] = (64,),
        activation: Any = "relu",
        make: Make | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        self.trunk = make_block(
            "SharedBottom", units, activation, make, self.layer_name("trunk")
        )

    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Return the trunk's output for each task.

        Args:
            inputs: Tensor that the trunk reads.

        Returns:
            Task → tensor, the same for all.
        """
        return dict.fromkeys(self.tasks, self.trunk(inputs))
