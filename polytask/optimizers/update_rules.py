"""What the wrapper of an optimizer knows of the model that it trains."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from polytask.optimizers.proximal_step import ProximalGroup
from polytask.optimizers.step_size import Slots
from polytask.optimizers.weight_decay import DecayedVariable


@dataclass(eq=False)
class UpdateRules:
    """How the variables of a model are updated: what the wrapper knows of the model.

    A plain object, because a Keras optimizer tracks every variable found in its
    attributes as a variable of its own.

    Attributes:
        num_tasks: Number of tasks.
        owners: id of a variable → numbers of the tasks it is upstream of.
        groups: The proximal groups, in the order they are applied.
        decayed: The variables that decay, with their rates.
        balancer: The balancer whose state travels with the optimizer, or None.
        step_state: What the train step draws from, and averages.
        assign: `(variable, value)`, how a model's variable gets a value that all
            replicas of data-parallel training have computed alike.
        slots: id of a model variable → its slot variables by name.
        variables: The model's trainable variables, set by `build`.
    """

    num_tasks: int
    owners: dict[int, tuple[int, ...]]
    groups: list[ProximalGroup] = field(default_factory=list)
    decayed: list[DecayedVariable] = field(default_factory=list)
    balancer: Any = None
    step_state: list[keras.Variable] = field(default_factory=list)
    assign: Callable[[Any, Any], None] = lambda variable, value: variable.assign(value)
    slots: dict[int, Slots] = field(default_factory=dict)
    variables: list[keras.Variable] = field(default_factory=list)

    @property
    def may_fail(self) -> bool:
        """Whether a proximal step can fail where the weights are finite."""
        return any(group.regularizer.may_fail for group in self.groups)

    @property
    def shrunken(self) -> list[keras.Variable]:
        """Each variable of a proximal group once."""
        return list(
            {id(v): v for group in self.groups for v in group.variables}.values()
        )

    def resting(
        self, accumulates: bool
    ) -> list[tuple[keras.Variable, tuple[int, ...]]]:
        """Return the variables that may have to rest, each with its tasks.

        Those of all tasks are not among them where an update is that of one batch: a
        train step makes none where no task is there.

        Args:
            accumulates: Whether an update takes the gradients of several batches.
        """
        pairs = [(v, self.owners.get(id(v), ())) for v in self.variables]
        everybody = 0 if accumulates or self.num_tasks == 1 else self.num_tasks
        return [(v, tasks) for v, tasks in pairs if tasks and len(tasks) != everybody]
