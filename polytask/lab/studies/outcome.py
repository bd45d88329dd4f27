"""What one training of an experiment measured."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Outcome:
    """The scores of one variant and seed, and whatever else the caller keeps.

    Args:
        scores: Split → task → metric → value. NaN where a metric is undefined.
        extra: Anything that JSON can hold: curves, counts, names.
        seconds: Wall-clock time of the training; the experiment fills it in.

    Example:
        >>> outcome = Outcome({"test": {"click": {"auc": 0.75}}})
        >>> outcome.value("test", "click", "auc")
        0.75
    """

    scores: Scores
    extra: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = math.nan

    def value(self, split: str, task: str, metric: str) -> float:
        """Return one score, NaN where it was not measured."""
        return float(self.scores.get(split, {}).get(task, {}).get(metric, math.nan))

    def to_json(self) -> str:
        """Return the outcome as JSON text; NaN becomes null."""
        scores = {
            split: {
                task: {name: _finite(value) for name, value in metrics.items()}
                for task, metrics in tasks.items()
            }
            for split, tasks in self.scores.items()
        }
        content = {
            "scores": scores,
            "extra": dict(self.extra),
            "seconds": _finite(self.seconds),
        }
        return json.dumps(content, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Outcome":
        """Return the outcome that `to_json` wrote."""
        content = json.loads(text)
        scores = {
            split: {
                task: {name: _number(value) for name, value in metrics.items()}
                for task, metrics in tasks.items()
            }
            for split, tasks in content["scores"].items()
        }
        return cls(scores, content["extra"], _number(content["seconds"]))


def _finite(value: float) -> float | None:
    # JSON has no NaN and no infinity: either means that there is no usable value.
    return float(value) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
