"""Mixtures of experts that all tasks share, with a gate for each task."""

from collections.abc import Iterable
from typing import Any

from polytask.layers._block import Make, make_block
from polytask.layers._experts import Experts, make_gate
from polytask.layers.mix_experts import MixExperts
from polytask.layers.sharing import Sharing


class MMoE(Sharing):
    """Multi-gate mixture of experts: Σₑ gₜ(x)ₑ hₑ(x) for task t.

    The experts are shared; the gate of a task is private to it.

    Args:
        tasks: Task names.
        experts: Number of experts. Defaults to 4.
        units: Widths of the dense layers of each expert. Defaults to (64,).
        activation: Their activation.
        gate: `"softmax"` or `"dselect_k"`; a dict with further options, such as
            `{"name": "softmax", "dropout": 0.1, "load_balance": 0.01}`; or a function
            of the number of experts and the task that returns a `Gate`.
        make: A function without arguments that returns a new expert (any layer),
            instead of dense layers.
        name: Prefix of the layers' names.

    Raises:
        UserError: If there is no expert, a task is named twice, a width is below 1, or
            the gate or one of its options is unknown.

    Source:
        Ma et al., "Modeling Task Relationships in Multi-task Learning with
        Multi-gate Mixture-of-Experts", KDD 2018.

    Example:
        >>> import keras
        >>> x = keras.Input((20,))
        >>> mixture = MMoE(["click", "buy"], experts=3, units=(16,))
        >>> features, gates = mixture(x, return_gates=True)
        >>> features["buy"].shape, gates["buy"].shape
        ((None, 16), (None, 3))
    """

    def __init__(
        self,
        tasks: Iterable[str],
        experts: int = 4,
        units: Iterable[int] = (64,),
        activation: Any = "relu",
        gate: Any = "softmax",
        make: Make | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        owner = type(self).__name__
        units = units if isinstance(units, int) else tuple(units)
        self.experts = Experts(
            owner,
            experts,
            "experts",
            lambda e: make_block(
                owner, units, activation, make, self.layer_name("expert", e)
            ),
        )
        number = len(self.experts.blocks)
        self.gates = {
            key: make_gate(owner, gate, number, key, self.layer_name("gate", t))
            for t, key in enumerate(self._gate_keys())
        }
        self.mixes = {
            key: MixExperts(name=self.layer_name("mix", t))
            for t, key in enumerate(self.gates)
        }

    def _gate_keys(self) -> tuple[str, ...]:
        return self.tasks

    def _gate_of(self, task: str) -> str:
        return task

    def __call__(self, inputs: Any, return_gates: bool = False) -> Any:
        """Return each task's mixture.

        Args:
            inputs: Tensor that experts and gates read.
            return_gates: Whether to return the gates' weights as well.

        Returns:
            Task → tensor; or a pair of that and task → (rows, experts) weights.
        """
        stacked = self.experts(inputs)
        weights = {key: gate(inputs) for key, gate in self.gates.items()}
        mixed = {key: self.mixes[key](stacked, weights[key]) for key in self.gates}
        features = {task: mixed[self._gate_of(task)] for task in self.tasks}
        if not return_gates:
            return features
        return features, {task: weights[self._gate_of(task)] for task in self.tasks}


class MoE(MMoE):
    """One-gate mixture of experts: Σₑ g(x)ₑ hₑ(x), the same for every task.

    Rows choose experts, tasks do not: the gate is shared. Arguments as for `MMoE`.

    Source:
        Jacobs et al., "Adaptive Mixtures of Local Experts", Neural Computation 1991;
        as the one-gate model in Ma et al., KDD 2018.

    Example:
        >>> import keras
        >>> x = keras.Input((20,))
        >>> features = MoE(["click", "buy"], experts=3)(x)
        >>> features["click"] is features["buy"]
        True
    """

    def _gate_keys(self) -> tuple[str, ...]:
        return ("",)

    def _gate_of(self, task: str) -> str:
        return ""
