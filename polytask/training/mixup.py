"""Rows of a batch mixed in pairs, for all tasks alike."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask._types import Tensor, Variable
from polytask.errors import UserError
from polytask.training.batch import Batch, Mixing


@polytask_export("polytask.training.Mixup")
class Mixup:
    """Trains on λ a + (1 - λ) b for random pairs of rows a, b: `compile(mixup=)`.

    One λ from Beta(α, α) and one permutation of the rows are drawn for a batch and all
    its tasks. Losses are mixed alike, λ l(ŷ, y_a) + (1 - λ) l(ŷ, y_b), each a mean over
    its labeled rows, so that a label that is missing takes its term with it. A number
    α in place of the object is the same.

    Args:
        alpha: α, above 0. Default: 0.2.

    Raises:
        UserError: If α is out of range, or, in `compile`, an input holds integers or a
            task has ordered classes, between which there is no mean.

    Source:
        Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk
        Minimization", ICLR 2018.

    Example:
        >>> Mixup(0.4)
        Mixup(alpha=0.4)
    """

    def __init__(self, alpha: float = 0.2) -> None:
        self.alpha = checked_number(alpha, "alpha", type(self).__name__, above=0.0)
        self.random = keras.random.SeedGenerator()

    @property
    def variables(self) -> list[Variable]:
        """The state of the random numbers."""
        return [self.random.state]

    def bind(self, model: Any, tasks: list[str]) -> None:
        """Check that rows of a model can be mixed.

        Args:
            model: The model that is compiled.
            tasks: Its tasks with a loss.

        Raises:
            UserError: If they cannot.
        """
        self.check_inputs(model)

    def check_inputs(self, model: Any) -> None:
        """Check that there is a mean of two inputs."""
        whole = [x.name for x in model.inputs if "float" not in x.dtype]
        if whole:
            raise UserError(
                "mixup takes a mean of two rows, but the input "
                f'"{whole[0]}" holds integers.'
            )

    def mix(self, batch: Batch) -> Batch:
        """Return a batch with mixed inputs, and how they are mixed.

        Args:
            batch: The rows.
        """
        mixing = self.draw(ops.shape(keras.tree.flatten(batch.x)[0])[0])
        x = keras.tree.map_structure(lambda rows: pair(rows, mixing), batch.x)
        return batch._replace(x=x, mixing=mixing)

    def draw(self, rows: Any) -> Mixing:
        """Return a new λ and a new order.

        Args:
            rows: Number of rows.
        """
        share = keras.random.beta((), self.alpha, self.alpha, seed=self.random)
        order = keras.random.shuffle(ops.arange(rows), seed=self.random)
        return Mixing(share, order)

    @contextlib.contextmanager
    def inside(self, mixing: Mixing) -> Iterator[None]:
        """Mix within the network as well, for a while.

        Args:
            mixing: How rows are mixed.
        """
        yield

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        arguments = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in arguments if name != "self"}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Mixup":
        """Make the object from its configuration."""
        return cls(**config)

    def __repr__(self) -> str:
        config = self.get_config().items()
        arguments = ", ".join(f"{name}={value!r}" for name, value in config)
        return f"{type(self).__name__}({arguments})"


def pair(rows: Any, mixing: Mixing) -> Tensor:
    """Return λ a + (1 - λ) b.

    Args:
        rows: The rows a.
        mixing: λ, and the number of the row b for each.
    """
    rows = ops.convert_to_tensor(rows)
    share = ops.cast(mixing.share, rows.dtype)
    return share * rows + (1 - share) * ops.take(rows, mixing.order, axis=0)
