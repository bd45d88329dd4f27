"""One data set of a mixture, checked against the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from polytask.errors import UserError

Arrays = dict[str, np.ndarray]

# The name under which a single input array is kept.
ONLY = ""


@dataclass(frozen=True)
class MixtureSource:
    """The arrays of one data set, all of one length.

    Args:
        name: Name of the data set.
        inputs: Input → rows; `ONLY` where the network has one input.
        labels: Task → labels.
    """

    name: str
    inputs: Arrays
    labels: Arrays

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


def read_source(name: str, data: Any) -> MixtureSource:
    """Return a data set given as `(x, y)`.

    Args:
        name: Its name, for messages.
        data: Inputs (an array, or a dict of arrays) and a dict of labels.

    Returns:
        The data set.

    Raises:
        UserError: If the form is another, a length differs, or there is no row.
    """
    if not isinstance(data, tuple) or len(data) != 2 or not _is_table(data[1]):
        raise UserError(
            f'The data set "{name}" of the mixture must be a pair (inputs, '
            "{task: labels}) with at least one task."
        )
    x, y = data
    inputs = x if _is_table(x) else {ONLY: x}
    source = MixtureSource(
        name,
        {key: np.asarray(value) for key, value in inputs.items()},
        {task: np.asarray(value) for task, value in y.items()},
    )
    for what, arrays in (("input", source.inputs), ("task", source.labels)):
        for key, array in arrays.items():
            if array.ndim == 0 or len(array) != len(source):
                raise UserError(
                    f'The data set "{name}" of the mixture has {len(source)} rows, '
                    f'but {what} "{key}" has the shape {array.shape}.'
                )
    if not len(source):
        raise UserError(f'The data set "{name}" of the mixture is empty; leave it out.')
    return source


def blanks(sources: list[MixtureSource], mask_value: int) -> tuple[Arrays, Arrays]:
    """Return what stands in a row for an input or a label that it does not have.

    Args:
        sources: The data sets.
        mask_value: Of a missing integer label.

    Returns:
        Input → one row of zeros, and task → one missing label.

    Raises:
        UserError: If two data sets disagree on the shape or kind of an array.
    """
    inputs: Arrays = {}
    labels: Arrays = {}
    for source in sources:
        for what, arrays, found in (
            ("input", source.inputs, inputs),
            ("task", source.labels, labels),
        ):
            for key, array in arrays.items():
                value = 0 if what == "input" else _missing(source, key, mask_value)
                blank = np.full(array.shape[1:], value, _kept(array))
                known = found.setdefault(key, blank)
                if known.shape != blank.shape or known.dtype.kind != blank.dtype.kind:
                    raise UserError(
                        f'{what.capitalize()} "{key}" of the data set "{source.name}" '
                        f"has rows of shape {blank.shape} and kind {blank.dtype}; "
                        f"another data set has {known.shape} and {known.dtype}."
                    )
    return inputs, labels


def _missing(source: MixtureSource, task: str, mask_value: int) -> Any:
    kind = source.labels[task].dtype.kind
    if kind == "f":
        return np.nan
    if kind == "i":
        return mask_value
    raise UserError(
        f'The labels of task "{task}" in the data set "{source.name}" are of type '
        f"{source.labels[task].dtype}, which has no value for a missing label. Use "
        f"float (NaN is missing) or signed integers ({mask_value} is missing)."
    )


def _kept(array: np.ndarray) -> np.dtype[Any]:
    # NumPy's default would double the batch for nothing: Keras works in float32.
    return np.dtype("float32") if array.dtype == np.float64 else array.dtype


def _is_table(part: Any) -> bool:
    return isinstance(part, Mapping) and bool(part)
