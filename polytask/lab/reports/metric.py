"""What the page has to know of a metric: its label and which way is better."""

from dataclasses import dataclass

from polytask.lab.kinds import METRICS
from polytask.metric_direction import higher_is_better


@dataclass(frozen=True)
class Metric:
    """One metric as the page shows it.

    Args:
        name: The stored name, such as `"log_loss"`.
        label: The name for readers, such as `"log loss"`.
        higher_is_better: None for a metric that this version does not know.

    Example:
        >>> Metric.named("rmse").label, Metric.named("rmse").higher_is_better
        ('RMSE', False)
    """

    name: str
    label: str
    higher_is_better: bool | None

    @classmethod
    def named(cls, name: str, higher: bool | None = None) -> "Metric":
        """Return the metric stored as `name`.

        Args:
            name: The stored name.
            higher: Whether more of it is better; default: what its name says.
        """
        known = higher_is_better(name) if higher is None else higher
        return cls(name, LABELS.get(name, name), known)

    @property
    def arrow(self) -> str:
        """An arrow in the better direction, empty where it is not known."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]

    @property
    def direction(self) -> str:
        """The arrow in words."""
        words = {True: "higher is better", False: "lower is better", None: ""}
        return words[self.higher_is_better]


LABELS = {metric.name: metric.label for kind in METRICS.values() for metric in kind}
