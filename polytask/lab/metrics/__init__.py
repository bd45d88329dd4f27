"""Metrics by kind of task, and what several tasks and seeds come to together."""

from polytask.lab.kinds import METRICS, primary_metric
from polytask.lab.metric import Metric, UndefinedMetricError
from polytask.lab.metrics.delta_m import delta_m
from polytask.lab.metrics.evaluate import constant_prediction, evaluate, task_loss
from polytask.lab.metrics.seed_interval import Interval, seed_interval

__all__ = [
    "METRICS",
    "Interval",
    "Metric",
    "UndefinedMetricError",
    "constant_prediction",
    "delta_m",
    "evaluate",
    "primary_metric",
    "seed_interval",
    "task_loss",
]
