"""The optimizer wrapper: proximal steps, absent tasks, balancer state."""

from polytask.optimizers.multi_task_optimizer import MultiTaskOptimizer

__all__ = ["MultiTaskOptimizer"]
