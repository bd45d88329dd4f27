"""Several penalties on one kernel."""

from collections.abc import Sequence
from typing import Any, Self

import keras

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.numeric.namespace import Namespace, Tensor
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.Sum")
class Sum(Regularizer):
    """Ω₁ + Ω₂ + ...: several penalties where a Keras layer takes one regularizer.

    Inside `polytask.MultiTaskModel` each part acts in its own way: those that are
    smooth by their gradient, those with a prox by their proximal step. Two proximal
    parts follow each other, which in general is not the exact step of their sum; the
    model says so. Prefer a penalty that holds both, such as `ElasticNet`.

    Args:
        parts: The penalties, of Keras or polytask.

    Raises:
        UserError: If there is no part, or one is no regularizer.

    Example:
        >>> from polytask.regularizers import L1, L2
        >>> float(Sum([L1(1.0), L2(2.0)])([3.0, -4.0]))
        32.0
    """

    strengths = ()

    def __init__(self, parts: Sequence[keras.regularizers.Regularizer]) -> None:
        self.parts = list(parts)
        for part in self.parts:
            if not isinstance(part, keras.regularizers.Regularizer):
                raise UserError(f"Sum: a part must be a regularizer; found {part!r}.")
        if not self.parts:
            raise UserError("Sum needs at least one part.")
        self.smooth = all(getattr(part, "smooth", False) for part in self.parts)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        return sum(part(w) for part in self.parts)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        parts = [keras.saving.serialize_keras_object(part) for part in self.parts]
        return {"parts": parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the sum that `get_config` described."""
        parts = config["parts"]
        return cls([keras.saving.deserialize_keras_object(part) for part in parts])

    def __repr__(self) -> str:
        return f"Sum({self.parts!r})"


def parts_of(regularizer: Any) -> list[Any]:
    """Return the penalties that a regularizer consists of: itself, unless a `Sum`."""
    if not isinstance(regularizer, Sum):
        return [regularizer]
    return [part for whole in regularizer.parts for part in parts_of(whole)]
