"""A number that training may change without compiling its step anew."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Self

import keras
import numpy as np

from polytask._export import polytask_export

_NONE: Mapping[int, Any] = MappingProxyType({})

# Values of a step that is traced; Keras's own scopes hide each other.
_BOUND: ContextVar[Mapping[int, Any]] = ContextVar("bound_knobs", default=_NONE)


@polytask_export("polytask.Knob")
class Knob(keras.Variable):
    """A strength, rate, decay or loss weight that can change while a model trains.

    It is a scalar Keras variable that no gradient moves. A penalty, a layer or an
    argument of `compile` that takes a number takes a knob in its place; `assign`, or
    `polytask.callbacks.Schedule`, then changes it between two steps. One knob may stand
    in several places, which then change together. `.keras` files hold its value.

    Args:
        value: The value at the start.
        name: Name of the variable. Default: `"knob"`.

    Example:
        >>> import keras, polytask
        >>> strength = polytask.Knob(1e-3)
        >>> layer = keras.layers.Dense(
        ...     8, kernel_regularizer=polytask.regularizers.L1(strength)
        ... )
        >>> strength.assign(1e-2)
        >>> strength
        Knob(0.01)
    """

    def __init__(self, value: float, name: str = "knob") -> None:
        super().__init__(
            np.asarray(value, "float32"),
            dtype="float32",
            trainable=False,
            # A strength of 1e-5 is nothing in half precision.
            autocast=False,
            aggregation="only_first_replica",
            name=name,
        )

    @property
    def value(self) -> Any:
        """The current value, a tensor; inside a traced step that of the step."""
        bound = _BOUND.get().get(id(self))
        return super().value if bound is None else bound

    def assign(self, value: Any) -> None:
        """Set the value."""
        super().assign(value)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        # A float64 of the same few digits: 0.01 and not 0.009999999776.
        single = np.float32(self.numpy())
        value = float(np.format_float_scientific(single, trim="0"))
        return {"value": value, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the knob that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"Knob({self.get_config()['value']!r})"


def to_config(value: Any) -> Any:
    """Return what stands in a configuration for an argument that may be a knob.

    Keras takes a variable of TensorFlow for a tensor, and would store its value alone.

    Args:
        value: A knob; anything else is returned as it is.
    """
    if not isinstance(value, Knob):
        return value
    return {
        "module": None,
        "class_name": Knob.__name__,
        "config": value.get_config(),
        "registered_name": keras.saving.get_registered_name(Knob),
        # By this Keras finds the other places of the same file with the same knob.
        "shared_object_id": id(value),
    }


def from_config(value: Any) -> Any:
    """Return the knob that `to_config` described; anything else as it is."""
    name = keras.saving.get_registered_name(Knob)
    if isinstance(value, dict) and value.get("registered_name") == name:
        return keras.saving.deserialize_keras_object(value)
    return value


def knobs_in(owner: Any) -> list[Knob]:
    """Return the knobs that a penalty or layer holds as attributes."""
    return [value for value in vars(owner).values() if isinstance(value, Knob)]


@contextmanager
def bound(values: Iterable[tuple[Knob, Any]]) -> Iterator[None]:
    """Let knobs have these values inside, in whatever scope they are read.

    Args:
        values: Knobs with the tensors of a step that is traced.
    """
    token = _BOUND.set({id(knob): value for knob, value in values})
    try:
        yield
    finally:
        _BOUND.reset(token)
