"""Each task on a part of the shared units, which changes over time."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.RoamingUnits")
class RoamingUnits(ConfiguredLayer):
    """Gives each task a random part of the units, of which one is swapped at a time.

    Of C channels a task reads round(p C), the others are zero for it. `roam`, which
    `polytask.callbacks.MaximumRoaming` calls, lets each task leave one of its units for
    one that it has not had yet; after (1 - p) C times every task has had every unit.
    The parts decide what is shared, and that they move regularizes: no unit is learned
    for one set of tasks. The optimizer's moments of a unit stay.

    Args:
        tasks: Names of the tasks.
        share: p, above 0 and at most 1. Default: 0.6.
        seed: Seed of parts and swaps. Default: 0.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the share is out of range or there is no task.

    Source:
        Pascal, Michiardi, Bost, Huet and Zuluaga, "Maximum Roaming Multi-Task
        Learning", AAAI 2021.

    Example:
        >>> parts = RoamingUnits(["a", "b"], share=0.5)(keras.Input((8,)))
        >>> sorted(parts)
        ['a', 'b']
    """

    def __init__(
        self, tasks: Sequence[str], share: float = 0.6, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.tasks = [str(task) for task in tasks]
        if not self.tasks:
            raise UserError("RoamingUnits needs the names of the tasks.")
        self.share = checked_number(
            share, "share", "RoamingUnits", above=0.0, at_most=1.0
        )
        self.seed = int(seed)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Draw the first parts."""
        channels = int(input_shape[-1])
        count = max(1, round(self.share * channels))
        generator = np.random.default_rng(self.seed)
        parts = np.zeros((len(self.tasks), channels), "float32")
        for row in parts:
            row[generator.permutation(channels)[:count]] = 1.0
        # Both are stored, so that training goes on from a file.
        self.parts, self.visited = (
            self.add_weight(
                name=name,
                shape=parts.shape,
                initializer=keras.initializers.Zeros(),
                trainable=False,
            )
            for name in ("parts", "visited")
        )
        self.parts.assign(parts)
        self.visited.assign(parts)

    def call(self, inputs: Any) -> dict[str, Any]:
        """Return the units of each task.

        Returns:
            Task → the input with the units of other tasks at zero.
        """
        parts = ops.cast(self.parts, inputs.dtype)
        return {task: inputs * parts[index] for index, task in enumerate(self.tasks)}

    def compute_output_spec(self, inputs: Any) -> dict[str, Any]:
        """Return the form of the result: that of the input for each task."""
        return {
            task: keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
            for task in self.tasks
        }

    def roam(self) -> int:
        """Swap one unit of each task for one that it has not had.

        Returns:
            The number of tasks that still found one.
        """
        parts, visited = (
            np.array(ops.convert_to_numpy(v)) for v in (self.parts, self.visited)
        )
        # Another draw each time, the same from a file.
        generator = np.random.default_rng([self.seed, int(visited.sum())])
        moved = 0
        for part, seen in zip(parts, visited, strict=True):
            new = np.flatnonzero(seen == 0)
            if not len(new):
                continue
            leaves = generator.choice(np.flatnonzero(part))
            enters = generator.choice(new)
            part[leaves], part[enters], seen[enters] = 0.0, 1.0, 1.0
            moved += 1
        self.parts.assign(parts)
        self.visited.assign(visited)
        return moved
