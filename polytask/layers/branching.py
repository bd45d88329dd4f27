"""Where the ways of tasks part, learned."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count, checked_knob
from polytask._export import polytask_export
from polytask.layers._block import Make, make_levels
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._gumbel import gumbel_softmax
from polytask.layers.sharing import Sharing


@polytask_export("polytask.layers.ChooseParent")
class ChooseParent(ConfiguredLayer):
    """Σₖ dₖ xₖ, where d learns to choose one of several tensors.

    In training d is drawn for a batch from the Gumbel-softmax of the learned logits; at
    inference it is 1 for the largest and 0 for the others.

    Args:
        temperature: Of the Gumbel-softmax, above 0; may be a `polytask.Knob`.
        seed: Seed of the random numbers, or None.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: A list of tensors of one shape.

    Raises:
        UserError: If the temperature is out of range.

    Source:
        Guo, Lee and Ulbricht, "Learning to Branch for Multi-Task Learning", ICML 2020.

    Example:
        >>> import numpy as np
        >>> float(ChooseParent()([np.array([[1.0]]), np.array([[3.0]])])[0, 0])
        1.0
    """

    def __init__(
        self, temperature: Any = 1.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.temperature = checked_knob(
            temperature, "temperature", "ChooseParent", above=0.0
        )
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make the logits, which begin equal."""
        self.logits = self.add_weight(
            name="logits", shape=(len(input_shape),), initializer="zeros"
        )

    def chosen(self) -> int:
        """Return the number of the tensor that is chosen at inference."""
        return int(ops.convert_to_numpy(self.logits).argmax())

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """Return the chosen tensor, in training a soft choice."""
        logits = ops.convert_to_tensor(self.logits)
        if training:
            shares = gumbel_softmax(logits, self.temperature, self.seed_generator)
        else:
            shares = ops.one_hot(ops.argmax(logits), len(inputs))
        shares = ops.cast(shares, inputs[0].dtype)
        return sum(shares[k] * x for k, x in enumerate(inputs))

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Any:
        """Return the shape of one tensor."""
        return input_shape[0]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the first tensor."""
        return previous_mask[0] if previous_mask else None


class Branching(Sharing):
    """A tree of layers whose branches are learned: learning to branch.

    Each level has several layers. Each of them, and each task at the end, chooses by a
    `ChooseParent` of its own which layer of the level before it reads. So tasks share
    the layers up to where their ways part. All layers are trained; those that no task
    comes to read can be left out afterwards.

    Args:
        tasks: Task names.
        units: Widths of the dense layers of each level. Defaults to (64, 64).
        activation: Their activation.
        branches: Layers of each level, at least 1. Defaults to the number of tasks.
        temperature: Of the Gumbel-softmax, above 0; may be a `polytask.Knob`, which
            `polytask.callbacks.Schedule` lowers in training.
        make: For each level a function without arguments that returns a new layer.
        name: Prefix of the layers' names.

    Attributes:
        parents: For each level but the first the `ChooseParent` of each layer.
        leaves: Task → its `ChooseParent`.

    Raises:
        UserError: If there is no level, a width or number is below 1, or a task is
            named twice.

    Source:
        Guo, Lee and Ulbricht, "Learning to Branch for Multi-Task Learning", ICML 2020.

    Example:
        >>> features = Branching(["click", "buy"], units=(16, 8))(keras.Input((20,)))
        >>> features["buy"].shape
        (None, 8)
    """

    layered = True

    def __init__(
        self,
        tasks: Iterable[str],
        units: Sequence[int] = (64, 64),
        activation: Any = "relu",
        branches: int | None = None,
        temperature: Any = 1.0,
        make: Sequence[Make] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        owner = type(self).__name__
        number = len(self.tasks) if branches is None else branches
        self.branches = [
            make_levels(owner, units, activation, make, self.layer_name("branch", b))
            for b in range(checked_count(number, "branches", owner))
        ]
        self.parents = [
            [
                ChooseParent(temperature, name=self.layer_name("parent", level, b))
                for b in range(len(self.branches))
            ]
            for level in range(1, len(self.branches[0]))
        ]
        self.leaves = {
            task: ChooseParent(temperature, name=self.layer_name("leaf", t))
            for t, task in enumerate(self.tasks)
        }

    def __call__(self, inputs: Any) -> dict[str, Any]:
        """Return what each task chooses of the last level.

        Args:
            inputs: Tensor that the first level reads.

        Returns:
            Task → tensor.
        """
        nodes = [branch[0](inputs) for branch in self.branches]
        for level, choices in enumerate(self.parents, 1):
            nodes = [
                branch[level](choose(nodes))
                for branch, choose in zip(self.branches, choices, strict=True)
            ]
        return {task: choose(nodes) for task, choose in self.leaves.items()}
