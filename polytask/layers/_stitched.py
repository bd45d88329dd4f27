"""One trunk for each task, stitched together after every level."""

from collections.abc import Callable, Sequence
from typing import Any

from polytask.layers._block import Make, make_levels
from polytask.layers.sharing import Sharing
from polytask.layers.stitch import Stitch


class Stitched(Sharing):
    """What cross-stitch and sluice networks have in common.

    Attributes:
        trunks: Task → the layers of its trunk, one for each level.
        stitches: For each level task → what combines the tasks' features.
    """

    layered = True
    trunks: dict[str, list[Callable[[Any], Any]]]
    stitches: list[dict[str, Stitch]]

    def make_trunks(
        self,
        units: Sequence[int],
        activation: Any,
        make: Sequence[Make] | None,
        **options: Any,
    ) -> None:
        """Make the trunks and the stitches between them.

        Args:
            units: Widths of each trunk's dense layers.
            activation: Their activation.
            make: A function for each level, instead.
            **options: Arguments of each `Stitch`.
        """
        owner = type(self).__name__
        self.trunks = {
            task: make_levels(
                owner, units, activation, make, self.layer_name("trunk", t)
            )
            for t, task in enumerate(self.tasks)
        }
        self.stitches = [
            {
                task: Stitch(t, name=self.layer_name("stitch", t, level), **options)
                for t, task in enumerate(self.tasks)
            }
            for level in range(len(self.trunks[self.tasks[0]]))
        ]

    def levels(self, inputs: Any) -> list[dict[str, Any]]:
        """Return, for each level, task → stitched features."""
        features = dict.fromkeys(self.tasks, inputs)
        after = []
        for level, stitches in enumerate(self.stitches):
            own = {t: self.trunks[t][level](features[t]) for t in self.tasks}
            features = {t: stitches[t](list(own.values())) for t in self.tasks}
            after.append(features)
        return after
