"""Callbacks for several tasks at once, which Keras's own do not know of."""

from polytask.callbacks.best_per_task import BestPerTask as BestPerTask
from polytask.callbacks.conflict_monitor import ConflictMonitor as ConflictMonitor
from polytask.callbacks.expert_utilization import (
    ExpertUtilization as ExpertUtilization,
)
from polytask.callbacks.maximum_roaming import MaximumRoaming as MaximumRoaming
from polytask.callbacks.performance_scores import (
    PerformanceScores as PerformanceScores,
)
from polytask.callbacks.pseudo_task_control import (
    PseudoTaskControl as PseudoTaskControl,
)
from polytask.callbacks.schedule import Schedule as Schedule
from polytask.callbacks.task_affinity import TaskAffinity as TaskAffinity
from polytask.callbacks.task_early_stopping import (
    TaskEarlyStopping as TaskEarlyStopping,
)
from polytask.callbacks.weight_averaging import (
    RecomputeStatistics as RecomputeStatistics,
)
from polytask.callbacks.weight_averaging import (
    StochasticWeightAveraging as StochasticWeightAveraging,
)
