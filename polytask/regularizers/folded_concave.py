"""Folded concave penalties: L1 near zero, bending to flat at a multiple of λ."""

from polytask._checks import checked_number, checked_strength
from polytask._export import polytask_export
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.prox import mcp_threshold, scad_threshold
from polytask.regularizers.concave import HasEntryTangents


@polytask_export("polytask.regularizers.MCP")
class MCP(HasEntryTangents):
    """λ|w| - w²/(2g) up to |w| = g·λ, flat beyond: zeros without L1's shrinkage.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        gamma: g, above 0; larger is closer to L1. Defaults to 3.0.

    Raises:
        UserError: If a number is out of range.

    Source:
        Zhang, "Nearly unbiased variable selection under minimax concave penalty",
        Ann. Stat. 2010.

    Example:
        >>> from keras import ops
        >>> w = MCP(1.0, gamma=3.0).prox(ops.array([0.5, 1.5, 2.5, 5.0]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w).tolist()]
        [0.0, 0.75, 2.25, 5.0]
    """

    has_prox = True

    def __init__(self, strength: float = 0.01, gamma: float = 3.0) -> None:
        self.strength = checked_strength(strength, "MCP")
        self.gamma = checked_number(gamma, "gamma", "MCP", above=0.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        size = xp.minimum(xp.abs(w), self.gamma * self.strength)
        return xp.sum(self.strength * size - xp.square(size) / (2 * self.gamma))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return mcp_threshold(xp, w, self.strength, self.gamma, step / metric)

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        sizes = xp.maximum(xp.abs(w), least)
        return xp.maximum(self.strength - sizes / self.gamma, 0.0)


@polytask_export("polytask.regularizers.SCAD")
class SCAD(HasEntryTangents):
    """λ|w| up to λ, then bending to flat at aλ: zeros without L1's shrinkage.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        a: Where the penalty becomes flat, in units of λ; above 2. Defaults to 3.7,
            the authors' choice.

    Raises:
        UserError: If a number is out of range.

    Source:
        Fan and Li, "Variable Selection via Nonconcave Penalized Likelihood and its
        Oracle Properties", JASA 2001.

    Example:
        >>> from keras import ops
        >>> w = SCAD(1.0).prox(ops.array([0.5, 1.5, 2.5, 5.0]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w).tolist()]
        [0.0, 0.5, 1.7941, 5.0]
    """

    has_prox = True

    def __init__(self, strength: float = 0.01, a: float = 3.7) -> None:
        self.strength = checked_strength(strength, "SCAD")
        self.a = checked_number(a, "a", "SCAD", above=2.0)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        strength, a = self.strength, self.a
        size = xp.minimum(xp.abs(w), a * strength)
        # Between λ and aλ the slope falls linearly from λ to 0.
        bend = xp.square(xp.maximum(size - strength, 0.0)) / (2 * (a - 1))
        return xp.sum(strength * size - bend)

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        return scad_threshold(xp, w, self.strength, self.a, step / metric)

    def _slopes(self, xp: Namespace, w: Tensor, least: float) -> Tensor:
        sizes = xp.maximum(xp.abs(w), least)
        falling = (self.a * self.strength - sizes) / (self.a - 1)
        return xp.minimum(xp.maximum(falling, 0.0), self.strength)
