"""A mixture of experts with one gate."""

from polytask.layers.mmoe import MMoE


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
