"""Which columns of every tensor a smaller model keeps."""

from dataclasses import dataclass

import numpy as np

from polytask.models.compacting.column_flow import ColumnFlow
from polytask.models.compacting.column_rule import Mask
from polytask.models.compacting.kernel_rule import KernelRule
from polytask.models.compacting.merging_rule import ElementwiseMergeRule


@dataclass(frozen=True, eq=False)
class KeptColumns:
    """What is kept.

    Attributes:
        flow: What is known of the model.
        kept: Key of a tensor → the columns that stay.
        stand_in: Key of the input whose first column a layer reads that needs none of
            its own, or None. Its weights on it are zero.
    """

    flow: ColumnFlow
    kept: dict[int, Mask]
    stand_in: int | None


def keep_columns(flow: ColumnFlow, select_inputs: bool) -> KeptColumns:
    """Decide which columns to keep.

    Args:
        flow: What is known of the model.
        select_inputs: Whether the inputs stay as they are, and columns are selected
            behind them. If not, at least one column is kept of each.

    Returns:
        The columns that stay.
    """
    calls = flow.calls
    wanted = flow.nothing()
    for key in calls.outputs:
        wanted[key][:] = True
    for key in calls.inputs:
        if len(calls.tensors[key].shape) < 2 or calls.tensors[key].shape[-1] is None:
            wanted[key][:] = True
        elif not select_inputs and not flow.needed(wanted, True)[key].any():
            wanted[key][0] = True
    stand_in = None
    # Some layers need the same columns of several tensors, or one column at least:
    # what that adds may be needed of others in turn. Columns are only ever added.
    while True:
        kept = _kept(flow, flow.needed(wanted, materialized=True))
        if stand_in is None:
            stand_in = _stand_in(flow, kept)
        missing = _missing(flow, kept, stand_in)
        if not missing:
            return KeptColumns(flow, kept, stand_in)
        for key, mask in missing.items():
            wanted[key] |= mask


def _kept(flow: ColumnFlow, needed: dict[int, Mask]) -> dict[int, Mask]:
    kept = dict(needed)
    for call, rule in zip(flow.calls.calls, flow.rules, strict=True):
        anything = any(needed[key].any() for key in call.outputs)
        if rule is None or not anything:
            for key in call.outputs:
                kept[key] = np.full(needed[key].shape, anything)
        else:
            (key,) = call.outputs
            sources = [kept[source] for source in call.inputs]
            kept[key] = rule.kept(call.layer, needed[key], sources)
    return kept


def _stand_in(flow: ColumnFlow, kept: dict[int, Mask]) -> int | None:
    """Return the input that serves, one with columns in use if there is one."""
    tensors = flow.calls.tensors
    tables = [
        key
        for key in flow.calls.inputs
        if len(tensors[key].shape) == 2
        and tensors[key].shape[-1] is not None
        and "float" in tensors[key].dtype
    ]
    used = [key for key in tables if kept[key].any()]
    return next(iter(used or tables), None)


def _missing(
    flow: ColumnFlow, kept: dict[int, Mask], stand_in: int | None
) -> dict[int, Mask]:
    """Return the columns that must be kept too, by the key of their tensor."""
    missing: dict[int, Mask] = {}

    def add(key: int, mask: Mask) -> None:
        if (mask & ~kept[key]).any():
            missing[key] = missing.get(key, np.zeros_like(mask)) | mask

    for call, rule in zip(flow.calls.calls, flow.rules, strict=True):
        source = call.inputs[0]
        if not any(kept[key].any() for key in call.outputs):
            continue
        if isinstance(rule, ElementwiseMergeRule):
            together = np.any([kept[key] for key in call.inputs], axis=0)
            for key in call.inputs:
                add(key, together)
        elif isinstance(rule, KernelRule) and not kept[source].any():
            flat = len(flow.calls.tensors[source].shape) == 2
            key = stand_in if stand_in is not None and flat else source
            if not kept[key].any():
                add(key, np.arange(kept[key].size) == 0)
    return missing
