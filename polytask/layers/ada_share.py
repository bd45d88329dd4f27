"""Which layers each task runs through, learned."""

from collections.abc import Iterable, Sequence
from typing import Any

from polytask._checks import checked_number
from polytask.errors import UserError
from polytask.layers._block import Make, make_levels
from polytask.layers.sharing import Sharing
from polytask.layers.task_skip import RowsOfTasks, TaskSkip


class AdaShare(Sharing):
    """Each task learns which layers of one trunk it runs through, and which it skips.

    Layer f of level l gives task t (1 - u) x + u f(x), with the u of `TaskSkip`; a
    layer that does not keep the shape is not skipped. Tasks share what both run
    through. From the first layer that can be skipped on, the trunk runs on T times the
    rows. The penalty on choices that differ weighs (L - l) / L: sharing belongs to the
    first of the L layers.

    Args:
        tasks: Task names.
        units: Widths of the trunk's dense layers. Defaults to (64, 64, 64).
        activation: Their activation.
        sparsity: Strength of the penalty on layers that are run through, at least 0.
        sharing: Strength of the penalty on choices that differ, at least 0.
        temperature: Of the Gumbel-softmax, above 0; may be a `polytask.Knob`, which
            `polytask.callbacks.Schedule` lowers in training.
        make: For each level a function without arguments that returns a new layer.
        name: Prefix of the layers' names.

    Attributes:
        skips: A `TaskSkip` for each level, whose `chosen()` says what was learned.

    Raises:
        UserError: If there is no level, a width is below 1, a task is named twice, a
            number is out of range, or no layer keeps the shape of what it reads.

    Source:
        Sun, Panda, Feris and Saenko, "AdaShare: Learning What to Share for Efficient
        Deep Multi-Task Learning", NeurIPS 2020 (without the second phase, in which a
        new network is trained on the choices).

    Example:
        >>> import keras
        >>> features = AdaShare(["click", "buy"], units=(16, 16))(keras.Input((20,)))
        >>> features["buy"].shape
        (None, 16)
    """

    layered = True

    def __init__(
        self,
        tasks: Iterable[str],
        units: Sequence[int] = (64, 64, 64),
        activation: Any = "relu",
        sparsity: float = 0.01,
        sharing: float = 0.01,
        temperature: Any = 1.0,
        make: Sequence[Make] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        owner, count = type(self).__name__, len(self.tasks)
        sharing = checked_number(sharing, "sharing", owner, at_least=0.0)
        self.levels = make_levels(
            owner, units, activation, make, self.layer_name("level")
        )
        self.skips = [
            TaskSkip(
                count,
                sparsity=sparsity,
                sharing=sharing * (len(self.levels) - level) / len(self.levels),
                temperature=temperature,
                name=self.layer_name("skip", level),
            )
            for level in range(len(self.levels))
        ]
        self.rows = RowsOfTasks(count, name=self.layer_name("rows"))
        self.own = {
            task: RowsOfTasks(count, t, name=self.layer_name("rows", t))
            for t, task in enumerate(self.tasks)
        }

    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Return the end of each task's way through the trunk.

        Args:
            inputs: Tensor that the first layer reads.

        Returns:
            Task → tensor.
        """
        x, apart = inputs, False
        for block, skip in zip(self.levels, self.skips, strict=True):
            before, x = x, block(x)
            if tuple(before.shape[1:]) != tuple(x.shape[1:]):
                continue
            if not apart:
                # The ways of the tasks part here.
                before, x, apart = self.rows(before), self.rows(x), True
            x = skip([before, x])
        if not apart:
            raise UserError(
                "AdaShare lets tasks skip layers that keep the shape of what they "
                "read; no layer does. Give two levels one width."
            )
        return {task: own(x) for task, own in self.own.items()}
