"""Which layers a variant's tasks share, as a study file says it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from polytask.layers._block import Block
from polytask.layers.architectures import ARCHITECTURES


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
    cls: Any = ARCHITECTURES.named(options["name"])
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
    del given["name"]
    architecture = cls(tasks, **given, make=make, name="sharing")
    features: dict[str, Any] = architecture(inputs)
    return features
