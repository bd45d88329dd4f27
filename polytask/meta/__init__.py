"""New tasks from few rows: adaptation of a trained model, and meta-learned starts."""

from polytask.meta.episodes import Episodes
from polytask.meta.trainer import METHODS, Trainer

__all__ = ["METHODS", "Episodes", "Trainer"]
