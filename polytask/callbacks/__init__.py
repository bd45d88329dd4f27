"""Callbacks for several tasks at once, which Keras's own do not know of."""

from polytask.callbacks.conflict_monitor import ConflictMonitor as ConflictMonitor
from polytask.callbacks.expert_utilization import (
    ExpertUtilization as ExpertUtilization,
)
from polytask.callbacks.task_early_stopping import (
    TaskEarlyStopping as TaskEarlyStopping,
)
