"""What all sharing architectures have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from polytask.errors import UserError


class Sharing(ABC):
    """From shared inputs to one tensor for each task.

    An architecture is no layer but an arrangement of small ones, called on the tensors
    of the functional API. So `MultiTaskModel` finds in the graph what is shared and
    what is private to a task (a gate, a last private expert), and each layer saves
    with the model. Called twice, it uses the same layers.

    Args:
        tasks: Task names.
        name: Prefix of the names of its layers; None for names that Keras makes.

    Attributes:
        layered: Whether it shares layer by layer; `make` is then a list with a function
            for each level.

    Raises:
        UserError: If there is no task, or one is named twice.
    """

    layered = False

    def __init__(self, tasks: Iterable[str], name: str | None = None) -> None:
        self.tasks = tuple(tasks)
        self.name = name
        named = all(isinstance(task, str) and task for task in self.tasks)
        if not named or not self.tasks or len(set(self.tasks)) < len(self.tasks):
            raise UserError(
                f"{type(self).__name__}: tasks must be different names, at least one; "
                f"found {tasks!r}."
            )

    @abstractmethod
    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Return a tensor for each task.

        Args:
            inputs: What the architecture reads.

        Returns:
            Task → tensor.
        """

    def layer_name(self, *parts: Any) -> str | None:
        """Return the name of one of the layers, or None for Keras's choice.

        Args:
            *parts: Joined by underscores; a task is named by its position.
        """
        if self.name is None:
            return None
        return "_".join([self.name, *map(str, parts)])
