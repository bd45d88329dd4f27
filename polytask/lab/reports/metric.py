"""What the page has to know of a metric: its label and which way is better."""

from dataclasses import dataclass


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
    def named(cls, name: str) -> "Metric":
        """Return the metric stored as `name`."""
        label, higher_is_better = KNOWN.get(name, (name, None))
        return cls(name, label, higher_is_better)

    @classmethod
    def primary(cls, kind: str) -> "Metric":
        """Return the metric that decides for a task of `kind`."""
        return cls.named(PRIMARY[kind])

    @property
    def arrow(self) -> str:
        """An arrow in the better direction, empty where it is not known."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]

    @property
    def direction(self) -> str:
        """The arrow in words."""
        words = {True: "higher is better", False: "lower is better", None: ""}
        return words[self.higher_is_better]


KNOWN: dict[str, tuple[str, bool]] = {
    "auc": ("AUC", True),
    "accuracy": ("accuracy", True),
    "log_loss": ("log loss", False),
    "loss": ("loss", False),
    "mae": ("MAE", False),
    "r2": ("R²", True),
    "rmse": ("RMSE", False),
}
PRIMARY = {"binary": "auc", "multiclass": "accuracy", "regression": "rmse"}
