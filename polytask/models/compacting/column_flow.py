"""Which columns are constant, and which are needed for what."""

from dataclasses import dataclass

import numpy as np

from polytask.models.compacting.column_rule import ColumnRule, Constants, Mask
from polytask.models.compacting.rules import rules_of
from polytask.models.layer_calls import LayerCalls


@dataclass(frozen=True, eq=False)
class ColumnFlow:
    """A model's calls and what is known of their columns.

    Attributes:
        calls: The calls.
        rules: The rule of each call, None for a barrier.
        constants: Key of a tensor → the constants among its columns.
    """

    calls: LayerCalls
    rules: list[ColumnRule | None]
    constants: dict[int, Constants]

    def nothing(self) -> dict[int, Mask]:
        """Return a mask without any column for each tensor."""
        return {key: np.zeros(c.shape, bool) for key, c in self.constants.items()}

    def needed(self, wanted: dict[int, Mask], materialized: bool) -> dict[int, Mask]:
        """Return which columns of each tensor the wanted ones are computed from.

        Args:
            wanted: Key of a tensor → columns.
            materialized: Whether a constant column counts as computed from what its
                layer reads. A model that returns it has to, although its value does
                not depend on any input.

        Returns:
            Key → columns, for every tensor.
        """
        needed = self.nothing()
        for key, mask in wanted.items():
            needed[key] |= mask
        for call, rule in zip(
            reversed(self.calls.calls), reversed(self.rules), strict=True
        ):
            sources = [self.constants[key] for key in call.inputs]
            if rule is None:
                anything = any(needed[key].any() for key in call.outputs)
                masks = [np.full(c.shape, anything) for c in sources]
            else:
                (key,) = call.outputs
                mask = needed[key]
                if not materialized:
                    mask = mask & np.isnan(self.constants[key])
                masks = rule.needs(call.layer, mask, sources)
            for key, mask in zip(call.inputs, masks, strict=True):
                needed[key] |= mask
        return needed


def column_flow(calls: LayerCalls) -> ColumnFlow:
    """Find the constant columns of a model.

    Args:
        calls: The calls of the model.

    Returns:
        What is known. A tensor without a fixed number of columns counts as one column
        that varies.
    """
    rules = rules_of(calls)
    constants = {
        key: np.full(tensor.shape[-1] or 1 if tensor.shape else 1, np.nan)
        for key, tensor in calls.tensors.items()
    }
    for call, rule in zip(calls.calls, rules, strict=True):
        if rule is not None:
            (key,) = call.outputs
            sources = [constants[source] for source in call.inputs]
            constants[key] = rule.constants(call.layer, sources, constants[key].size)
    return ColumnFlow(calls, rules, constants)
