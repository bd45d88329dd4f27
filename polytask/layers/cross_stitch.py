"""A network for each task, stitched together after every layer."""

from collections.abc import Iterable, Sequence
from typing import Any

from polytask.layers._block import Make
from polytask.layers._stitched import Stitched


class CrossStitch(Stitched):
    """x̃ₜ = Σᵤ αₜᵤ xᵤ after every layer: how much to share is learned, layer by layer.

    Every task has a trunk of its own, so this costs as many trunks as tasks. α begins
    near the identity. All but the last α, and all trunks, are shared in the end; the
    last α of a task is private to it.

    Args:
        tasks: Task names.
        units: Widths of each trunk's dense layers. Defaults to (64, 64).
        activation: Their activation.
        self_weight: What αₜₜ begins at; the rest is shared among the others. Defaults
            to 0.9.
        channelwise: Whether each channel has an α of its own. Defaults to False.
        make: For each level a function without arguments that returns a new layer; it
            is called once for each task.
        name: Prefix of the layers' names.

    Raises:
        UserError: If there is no level, a width is below 1, a task is named twice, or
            the weight lies outside (0, 1].

    Source:
        Misra et al., "Cross-stitch Networks for Multi-task Learning", CVPR 2016.

    Example:
        >>> import keras
        >>> features = CrossStitch(["click", "buy"], units=(32, 16))(keras.Input((20,)))
        >>> features["buy"].shape
        (None, 16)
    """

    def __init__(
        self,
        tasks: Iterable[str],
        units: Sequence[int] = (64, 64),
        activation: Any = "relu",
        self_weight: float = 0.9,
        channelwise: bool = False,
        make: Sequence[Make] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        self.make_trunks(
            units, activation, make, channelwise=channelwise, self_weight=self_weight
        )

    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Return the last stitched features of each task.

        Args:
            inputs: Tensor that all trunks read.

        Returns:
            Task → tensor.
        """
        return self.levels(inputs)[-1]
