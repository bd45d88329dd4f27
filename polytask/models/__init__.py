"""`MultiTaskModel` and what belongs to it."""

from polytask.models.multi_task_model import MultiTaskModel

__all__ = ["MultiTaskModel"]
