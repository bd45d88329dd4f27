"""Groups of experts and their gates, the parts of every mixture."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from polytask._checks import checked_count
from polytask.errors import UserError, nearest
from polytask.layers.dselect_k_gate import DSelectKGate
from polytask.layers.gate import Gate
from polytask.layers.softmax_gate import SoftmaxGate

GATES: dict[str, type[Gate]] = {"dselect_k": DSelectKGate, "softmax": SoftmaxGate}


class Experts:
    """Blocks that read the same tensor.

    Args:
        owner: The architecture, for messages.
        number: How many.
        what: What the number is called as an argument.
        make: Returns the block with a given position.
    """

    def __init__(
        self, owner: str, number: int, what: str, make: Callable[[int], Any]
    ) -> None:
        count = checked_count(number, what, owner)
        self.blocks = [make(position) for position in range(count)]

    def __call__(self, inputs: Any) -> Any:
        """Return the experts' outputs, stacked: (rows, experts, ...)."""
        return ops.stack([block(inputs) for block in self.blocks], axis=1)


def make_gate(
    owner: str, gate: Any, num_experts: int, task: str, name: str | None
) -> Gate:
    """Return a new gate.

    Args:
        owner: The architecture, for messages.
        gate: Name of a gate, `{"name": ..., further options}`, or a function of the
            number of experts and the task that returns a new one.
        num_experts: Number of experts.
        task: The task it serves, "" for all.
        name: Name of the layer.

    Raises:
        UserError: If the gate or one of its options is unknown.
    """
    if callable(gate):
        made = gate(num_experts, task)
        if not isinstance(made, Gate):
            raise UserError(f"{owner}: gate must return a Gate; it returned {made!r}.")
        return made
    options = {"name": gate} if isinstance(gate, str) else gate
    if not isinstance(options, Mapping) or options.get("name") not in GATES:
        unknown = options.get("name") if isinstance(options, Mapping) else gate
        raise UserError(
            f"{owner}: unknown gate {unknown!r}.{nearest(str(unknown), GATES)} Known: "
            f"{', '.join(GATES)}."
        )
    cls = GATES[options["name"]]
    further: dict[str, Any] = {k: v for k, v in options.items() if k != "name"}
    accepted = set(inspect.signature(cls.__init__).parameters)
    accepted -= {"self", "num_experts", "task", "kwargs"}
    for key in further:
        if key not in accepted:
            raise UserError(
                f'{owner}: gate {options["name"]} has no option "{key}".'
                f"{nearest(str(key), accepted)} Accepted: "
                f"{', '.join(sorted(accepted))}."
            )
    return cls(num_experts, task=task, name=name, **further)
