"""The optimizer wrapper, and a schedule whose length may change."""

from polytask.optimizers.cosine_schedule import CosineSchedule
from polytask.optimizers.multi_task_optimizer import MultiTaskOptimizer

__all__ = ["CosineSchedule", "MultiTaskOptimizer"]
