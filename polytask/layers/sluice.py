"""Stitched networks that share in part, and may read any of their layers."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import keras

from polytask.errors import UserError
from polytask.layers._block import Make
from polytask.layers._stitched import Stitched
from polytask.layers.stitch import Stitch
from polytask.layers.subspace_orthogonality import SubspaceOrthogonality


class Sluice(Stitched):
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
        self.make_trunks(
            units, activation, make, subspaces=subspaces, self_weight=self_weight
        )
        last = len(self.stitches) - 1
        self.mixes = {
            task: Stitch(last, self_weight=self_weight, name=self.layer_name("mix", t))
            for t, task in enumerate(self.tasks)
        }

    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Return the mixture of each task's layers.

        Args:
            inputs: Tensor that all trunks read.

        Returns:
            Task → tensor.
        """
        levels = self.levels(inputs)
        return {
            task: self.mixes[task]([features[task] for features in levels])
            for task in self.tasks
        }
