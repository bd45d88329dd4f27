"""What the types of the core are called; Keras itself has none."""

from collections.abc import Callable
from typing import Any, TypeAlias

#: A tensor of the current backend, whole or traced; NumPy's where it says so.
Tensor: TypeAlias = Any

#: A `keras.Variable`.
Variable: TypeAlias = Any

#: `(variable, value)`: gives a variable a value that all replicas computed alike.
Assign: TypeAlias = Callable[[Variable, Tensor], None]
