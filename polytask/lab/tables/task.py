"""What the network learns: one named target and its kind."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from polytask.errors import UserError, nearest

KINDS = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Task:
    """One target of a multi-task model.

    Args:
        name: The target's column, also the name of the model's output.
        kind: `"binary"`, `"multiclass"` or `"regression"`.
        classes: The labels as text, in code order (binary: negative, positive);
            empty for regression.
        mean: Regression targets are trained as `(y - mean) / scale`, both fitted
            on training rows. Metrics stay in the original units.
        scale: See `mean`.

    Example:
        >>> Task("rating", "regression", mean=3.5, scale=1.1).output_units
        1
    """

    name: str
    kind: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_kind(self.name, self.kind)
        expected = {"binary": 2, "regression": 0}.get(self.kind, len(self.classes))
        if len(self.classes) != expected:
            raise UserError(
                f"Task {self.name!r} is {self.kind} and needs {expected} class names, "
                f"found {len(self.classes)}: {', '.join(self.classes)}."
            )

    @property
    def output_units(self) -> int:
        """The width of the model's output for this task."""
        return len(self.classes) if self.kind == "multiclass" else 1

    def to_dict(self) -> dict[str, Any]:
        """Return the task as plain JSON values."""
        return {**asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Task":
        """Return the task that `to_dict` described."""
        return cls(**{**values, "classes": tuple(values.get("classes", ()))})


def check_kind(name: str, kind: str) -> None:
    """Raise `UserError` if `kind` is not a kind of task."""
    if kind not in KINDS:
        raise UserError(
            f"Task {name!r} has the kind {kind!r}.{nearest(str(kind), KINDS)} "
            f"Accepted: {', '.join(KINDS)}."
        )


def parse_task(text: str) -> tuple[str, str]:
    """Split `"column:kind"` at its last colon.

    Args:
        text: Such as `"income:binary"`.

    Returns:
        The column and the kind.

    Raises:
        UserError: If a part is missing or the kind is unknown.

    Example:
        >>> parse_task("income:binary")
        ('income', 'binary')
    """
    name, colon, kind = text.rpartition(":")
    if not colon or not name or not kind:
        raise UserError(
            f"Task {text!r} does not say what it is. Write COLUMN:KIND, such as "
            f"{(name or kind or 'income')}:binary; kinds: {', '.join(KINDS)}."
        )
    check_kind(name, kind)
    return name, kind


def task_kinds(
    tasks: Mapping[str, str] | Sequence[str | tuple[str, str]],
) -> dict[str, str]:
    """Bring the accepted ways to write tasks into one form.

    Args:
        tasks: `{"income": "binary"}`, `["income:binary"]` or
            `[("income", "binary")]`.

    Returns:
        Column → kind, in the given order.

    Raises:
        UserError: If there is no task, one is named twice or a kind is unknown.

    Example:
        >>> task_kinds(["income:binary", ("rating", "regression")])
        {'income': 'binary', 'rating': 'regression'}
    """
    if isinstance(tasks, Mapping):
        pairs = list(tasks.items())
    else:
        pairs = [parse_task(task) if isinstance(task, str) else task for task in tasks]
    if not pairs:
        raise UserError("No task is given; at least one COLUMN:KIND is needed.")
    kinds: dict[str, str] = {}
    for name, kind in pairs:
        if name in kinds:
            raise UserError(
                f"Task {name!r} is given twice ({kinds[name]} and {kind}); a column "
                "can be the target of one task."
            )
        check_kind(name, kind)
        kinds[name] = kind
    return kinds
