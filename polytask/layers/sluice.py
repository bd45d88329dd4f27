"""Stitched networks that share in part, and may read any of their layers."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import keras

from polytask.errors import UserError
from polytask.layers._block import Make, make_levels
from polytask.layers.sharing import Sharing
from polytask.layers.stitch import Stitch
from polytask.layers.subspace_orthogonality import SubspaceOrthogonality


class Sluice(Sharing):
    """Cross-stitch of subspaces, and a mixture Σ_l β_l x_l of the layers at the end.

    After every layer each subspace of a task combines all subspaces of all tasks, so
    one part of a layer may be shared and another stay private. α and β begin near the
    task's own subspace and its last layer.

    Args:
        tasks: Task names.
        units: Widths of each trunk's dense layers, all equal. Defaults to (64, 64).
        activation: Their activation.
        subspaces: Equal parts of each layer. Defaults to 2.
        orthogonality: Strength of `SubspaceOrthogonality` on the dense kernels.
            Defaults to 0.
        self_weight: What the own weight begins at. Defaults to 0.9.
        make: For each level a function without arguments that returns a new layer; it
            is called once for each task. All levels must give the same shape.
        name: Prefix of the layers' names.

    Raises:
        UserError: If the widths differ or are below 1, a task is named twice, or an
            option is out of range.

    Source:
        Ruder, Bingel, Augenstein and Søgaard, "Latent Multi-task Architecture
        Learning", AAAI 2019.

    Example:
        >>> import keras
        >>> features = Sluice(["click", "buy"], units=(16, 16))(keras.Input((20,)))
        >>> features["buy"].shape
        (None, 16)
    """

    layered = True

    def __init__(
        self,
        tasks: Iterable[str],
        units: Sequence[int] = (64, 64),
        activation: Any = "relu",
        subspaces: int = 2,
        orthogonality: float = 0.0,
        self_weight: float = 0.9,
        make: Sequence[Make] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        if make is None and len(set(units)) > 1:
            raise UserError(
                "Sluice: all layers need the same width, for they are mixed at the "
                f"end; found {tuple(units)!r}."
            )
        if make is None and orthogonality:
            penalty = SubspaceOrthogonality(orthogonality, subspaces)
            make = [
                partial(
                    keras.layers.Dense, width, activation, kernel_regularizer=penalty
                )
                for width in units
            ]
        self.trunks = {
            task: make_levels(
                "Sluice", units, activation, make, self.layer_name("trunk", t)
            )
            for t, task in enumerate(self.tasks)
        }
        levels = len(self.trunks[self.tasks[0]])
        self.stitches = [
            {
                task: Stitch(
                    t,
                    subspaces,
                    False,
                    self_weight,
                    name=self.layer_name("stitch", t, level),
                )
                for t, task in enumerate(self.tasks)
            }
            for level in range(levels)
        ]
        self.mixes = {
            task: Stitch(
                levels - 1, self_weight=self_weight, name=self.layer_name("mix", t)
            )
            for t, task in enumerate(self.tasks)
        }

    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Return the mixture of each task's layers.

        Args:
            inputs: Tensor that all trunks read.

        Returns:
            Task → tensor.
        """
        features = dict.fromkeys(self.tasks, inputs)
        layers: dict[str, list[Any]] = {task: [] for task in self.tasks}
        for level, stitches in enumerate(self.stitches):
            own = {t: self.trunks[t][level](features[t]) for t in self.tasks}
            features = {t: stitches[t](list(own.values())) for t in self.tasks}
            for task in self.tasks:
                layers[task].append(features[task])
        return {task: self.mixes[task](layers[task]) for task in self.tasks}
