"""Shared experts beside experts of each task's own."""

from collections.abc import Iterable, Mapping
from typing import Any

from keras import ops

from polytask.layers._block import Make, make_block
from polytask.layers._experts import Experts, make_gate
from polytask.layers.mix_experts import MixExperts
from polytask.layers.sharing import Sharing


class CGC(Sharing):
    """Customized gate control: each task mixes its own experts and the shared ones.

    One level of `PLE`. In the last level a task's experts and gate are private to it.

    Args:
        tasks: Task names.
        experts: Number of experts of each task's own. Defaults to 2.
        shared_experts: Number of shared experts. Defaults to 2.
        units: Widths of the dense layers of each expert. Defaults to (64,).
        activation: Their activation.
        gate: As for `MMoE`.
        make: A function without arguments that returns a new expert (any layer),
            instead of dense layers.
        shared_path: Whether there is a gate over all experts too, whose mixture the
            next level's shared experts read. Defaults to False.
        name: Prefix of the layers' names.

    Raises:
        UserError: If a number of experts or a width is below 1, a task is named twice,
            or the gate or one of its options is unknown.

    Source:
        Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task
        Learning (MTL) Model for Personalized Recommendations", RecSys 2020.

    Example:
        >>> import keras
        >>> x = keras.Input((20,))
        >>> extraction = CGC(["click", "buy"], experts=1, shared_experts=2)
        >>> features, gates = extraction(x, return_gates=True)
        >>> gates["click"].shape
        (None, 3)
    """

    def __init__(
        self,
        tasks: Iterable[str],
        experts: int = 2,
        shared_experts: int = 2,
        units: Iterable[int] = (64,),
        activation: Any = "relu",
        gate: Any = "softmax",
        make: Make | None = None,
        shared_path: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        owner = type(self).__name__
        units = units if isinstance(units, int) else tuple(units)

        def group(number: int, what: str, *part: Any) -> Experts:
            return Experts(
                owner,
                number,
                what,
                lambda e: make_block(
                    owner, units, activation, make, self.layer_name(*part, e)
                ),
            )

        self.shared = group(shared_experts, "shared_experts", "shared_expert")
        self.own = {
            task: group(experts, "experts", "expert", t)
            for t, task in enumerate(self.tasks)
        }
        common = len(self.shared.blocks)
        sizes = {task: len(own.blocks) + common for task, own in self.own.items()}
        self.gates = {
            task: make_gate(owner, gate, size, task, self.layer_name("gate", t))
            for t, (task, size) in enumerate(sizes.items())
        }
        self.mixes = {
            task: MixExperts(name=self.layer_name("mix", t))
            for t, task in enumerate(self.tasks)
        }
        self.shared_gate = self.shared_mix = None
        if shared_path:
            every = common + sum(size - common for size in sizes.values())
            name_ = self.layer_name("shared_gate")
            self.shared_gate = make_gate(owner, gate, every, "", name_)
            self.shared_mix = MixExperts(name=self.layer_name("shared_mix"))

    def __call__(self, inputs: Any, return_gates: bool = False) -> Any:
        """Return each task's mixture.

        Args:
            inputs: Tensor that all experts and gates read.
            return_gates: Whether to return the gates' weights as well.

        Returns:
            Task → tensor; or a pair of that and task → (rows, experts) weights, the
            task's own experts first.
        """
        own = dict.fromkeys(self.tasks, inputs)
        features, _, gates = self.extract(own, inputs)
        return (features, gates) if return_gates else features

    def extract(
        self, own: Mapping[str, Any], shared: Any
    ) -> tuple[dict[str, Any], Any, dict[str, Any]]:
        """Return what the next level reads.

        Args:
            own: Task → tensor that the task's own experts and its gate read.
            shared: Tensor that the shared experts, and their gate, read.

        Returns:
            Task → mixture; the mixture of the shared path, or None without one; and
            task → weights.
        """
        common = self.shared(shared)
        private = {task: self.own[task](own[task]) for task in self.tasks}
        gates = {task: self.gates[task](own[task]) for task in self.tasks}
        features = {
            task: self.mixes[task](
                ops.concatenate([private[task], common], axis=1), gates[task]
            )
            for task in self.tasks
        }
        if self.shared_gate is None or self.shared_mix is None:
            return features, None, gates
        every = ops.concatenate([*private.values(), common], axis=1)
        return features, self.shared_mix(every, self.shared_gate(shared)), gates
