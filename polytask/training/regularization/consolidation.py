"""Weights held where earlier tasks need them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from keras import ops

from polytask._checks import checked_strength
from polytask._export import polytask_export
from polytask._types import Tensor
from polytask.errors import UserError
from polytask.training.regularization.training_regularizer import (
    TrainedTasks,
    TrainingRegularizer,
)


@polytask_export("polytask.training.ElasticWeightConsolidation")
class ElasticWeightConsolidation(TrainingRegularizer):
    """(λ/2) Σ F (w - w⁰)² over the weights of an earlier model: EWC.

    Weights that earlier tasks depend on, by their Fisher information F, stay near what
    they were; others are free for new tasks. It adds its gradient after balancing, as
    no task owns it. Weights are found by their paths; the new model may have more.

    Args:
        reference: Path of a variable → w⁰, as of
            `{v.path: v.numpy() for v in model.trainable_variables}`.
        importance: Path → F, at least 0, as `polytask.fisher_information` returns; a
            variable without one is not held.
        strength: λ, at least 0. Default: 1. Weigh it against losses that are means over
            rows.

    Raises:
        UserError: If a number is out of range, or, in `compile`, the model has none of
            the variables or one of another shape.

    Source:
        Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks",
        PNAS 2017.

    Example:
        >>> import numpy as np
        >>> held = ElasticWeightConsolidation(
        ...     {"trunk/kernel": np.ones((3, 2))}, {"trunk/kernel": np.ones((3, 2))}
        ... )
    """

    savable: ClassVar[bool] = False

    def __init__(
        self,
        reference: Mapping[str, Any],
        importance: Mapping[str, Any],
        strength: float = 1.0,
    ) -> None:
        owner = "ElasticWeightConsolidation"
        self.strength = checked_strength(strength, owner)
        self.reference = {p: np.asarray(w, "float32") for p, w in reference.items()}
        self.importance = {p: np.asarray(f, "float32") for p, f in importance.items()}
        for path, fisher in self.importance.items():
            if path not in self.reference:
                raise UserError(f'{owner}: reference has no weights of "{path}".')
            if not np.all(np.isfinite(fisher) & (fisher >= 0)):
                raise UserError(
                    f'{owner}: the importance of "{path}" must be finite and at least '
                    "0."
                )

    def bind(self, model: Any, tasks: TrainedTasks) -> None:
        """Find the variables."""
        found = {v.path: tuple(v.shape) for v in model.trainable_variables}
        held = [path for path in self.importance if path in found]
        if not held:
            raise UserError(
                "ElasticWeightConsolidation holds the variables "
                f"{', '.join(self.importance) or 'of no path'}; the model has "
                f"{', '.join(found)}."
            )
        for path in held:
            for values in (self.reference[path], self.importance[path]):
                if values.shape != found[path]:
                    raise UserError(
                        f'ElasticWeightConsolidation: "{path}" has the shape '
                        f"{found[path]}; found values of the shape {values.shape}."
                    )

    def of_gradients(self, step: Any, gradients: list[Tensor]) -> list[Tensor]:
        """Add the pull to the reference."""
        part = self.strength * step.scale / step.replicas.count
        pulled = []
        for variable, gradient in zip(
            step.model.trainable_variables, gradients, strict=True
        ):
            fisher = self.importance.get(variable.path)
            if fisher is not None:
                reference = ops.convert_to_tensor(self.reference[variable.path])
                away = ops.convert_to_tensor(variable) - reference
                pull = part * ops.convert_to_tensor(fisher) * away
                gradient = gradient + ops.cast(pull, gradient.dtype)
            pulled.append(gradient)
        return pulled
