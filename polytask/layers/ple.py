"""Several levels of shared and own experts."""

from collections.abc import Iterable, Sequence
from typing import Any

from polytask.errors import UserError
from polytask.layers._block import Make
from polytask.layers.cgc import CGC
from polytask.layers.sharing import Sharing


class PLE(Sharing):
    """Progressive layered extraction: `CGC` levels, one after the other.

    In each level but the last, a shared gate mixes all experts, those of every task
    included; the next level's shared experts read this mixture, and each task's own
    experts read the task's mixture. So the experts of a task are shared in all levels
    but the last, where they are private; its gates act on its own path alone.

    Args:
        tasks: Task names.
        experts: Number of experts of each task's own, in each level. Defaults to 2.
        shared_experts: Number of shared experts in each level. Defaults to 2.
        units: A width for each level, of the one dense layer of its experts. Defaults
            to (64, 64), two levels.
        activation: Their activation.
        gate: As for `MMoE`.
        make: For each level a function without arguments that returns a new expert
            (any layer), instead of dense layers.
        name: Prefix of the layers' names.

    Raises:
        UserError: If there is no level, a number of experts or a width is below 1, a
            task is named twice, or the gate or one of its options is unknown.

    Source:
        Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020.

    Example:
        >>> import keras
        >>> x = keras.Input((20,))
        >>> extraction = PLE(["click", "buy"], units=(32, 16))
        >>> extraction(x)["buy"].shape
        (None, 16)
    """

    layered = True

    def __init__(
        self,
        tasks: Iterable[str],
        experts: int = 2,
        shared_experts: int = 2,
        units: Sequence[int] = (64, 64),
        activation: Any = "relu",
        gate: Any = "softmax",
        make: Sequence[Make] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        number = len(units if make is None else make)
        if number < 1:
            raise UserError("PLE: there must be at least one level; found none.")
        self.levels = [
            CGC(
                self.tasks,
                experts=experts,
                shared_experts=shared_experts,
                units=(1,) if make is not None else (units[level],),
                activation=activation,
                gate=gate,
                make=None if make is None else make[level],
                shared_path=level < number - 1,
                name=self.layer_name("level", level),
            )
            for level in range(number)
        ]

    def __call__(self, inputs: Any, return_gates: bool = False) -> Any:
        """Return each task's mixture of the last level.

        Args:
            inputs: Tensor that the first level reads.
            return_gates: Whether to return the gates' weights as well.

        Returns:
            Task → tensor; or a pair of that and, for each level, task → (rows, experts)
            weights, the task's own experts first.
        """
        features: dict[str, Any] = dict.fromkeys(self.tasks, inputs)
        shared, gates = inputs, []
        for level in self.levels:
            features, shared, weights = level.extract(features, shared)
            gates.append(weights)
        return (features, gates) if return_gates else features
