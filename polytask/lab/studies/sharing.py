"""Which layers a variant's tasks share, as a study file says it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from polytask.errors import UserError, nearest
from polytask.lab.studies.fields import Fields
from polytask.layers._block import Block
from polytask.layers.architectures import ARCHITECTURES
from polytask.layers.sharing import Sharing

# The network gives these.
_GIVEN = {"self", "tasks", "activation", "make", "name"}


def parse_sharing(table: Fields) -> dict[str, Any] | None:
    """Return the option `sharing`, checked; None for plain hard sharing.

    Args:
        table: The options of one variant.

    Raises:
        UserError: If the architecture or one of its options is unknown or out of range.
    """
    value = table.raw("sharing", None)
    if value is None:
        return None
    where = f"{table.where}: sharing"
    options = {"name": value} if isinstance(value, str) else value
    if not isinstance(options, Mapping) or not isinstance(options.get("name"), str):
        raise table.error("sharing", value, 'a name or { name = "...", ... }')
    try:
        cls = ARCHITECTURES.named(options["name"])
        accepted = sorted(set(inspect.signature(cls.__init__).parameters) - _GIVEN)
        for key in options:
            if key != "name" and key not in accepted:
                raise UserError(
                    f'{options["name"]} has no option "{key}".'
                    f"{nearest(str(key), accepted)} Accepted: {', '.join(accepted)}."
                )
        _named_options(cls, ("a", "b"), options)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{where} = {value!r} is not accepted: {error}.") from error
    given = dict(options)
    return None if given == {"name": "hard"} else given


def _named_options(
    cls: type[Sharing], tasks: Sequence[str], options: Mapping[str, Any], **further: Any
) -> Sharing:
    given = {key: value for key, value in options.items() if key != "name"}
    return cls(tasks, **given, **further)


def shared_features(
    options: Mapping[str, Any],
    tasks: Sequence[str],
    trunk: Sequence[int],
    batch_norm: bool,
    layer: Callable[[int, int], Callable[[Any], Any]],
    inputs: Any,
) -> dict[str, Any]:
    """Return each task's features from a sharing architecture.

    Args:
        options: The option `sharing`.
        tasks: Task names.
        trunk: Widths of the shared layers, where the option gives no `units`.
        batch_norm: Whether the attention of MTAN is batch-normalized.
        layer: Returns a new hidden layer, from its level and its width.
        inputs: What the first layers read.
    """
    cls = ARCHITECTURES.named(options["name"])
    given = {key: value for key, value in options.items() if key != "units"}
    if options["name"] == "mtan":
        given.setdefault("batch_norm", batch_norm)
    widths = options.get("units", trunk)
    if options["name"] == "sluice" and "units" not in options:
        # It mixes its layers at the end, so they have one width.
        widths = [trunk[-1]] * len(trunk)

    def level(index: int) -> Callable[[], Callable[[Any], Any]]:
        return lambda: layer(index, widths[index])

    levels = [level(index) for index in range(len(widths))]
    make: Any = levels if cls.layered else lambda: Block([one() for one in levels])
    architecture = _named_options(cls, tasks, given, make=make, name="sharing")
    features: dict[str, Any] = architecture(inputs)
    return features
