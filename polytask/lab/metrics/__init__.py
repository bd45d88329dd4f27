"""Metrics by kind of task, and what several tasks and seeds come to together."""

from polytask.lab.metrics.constant import constant_prediction
from polytask.lab.metrics.delta_m import delta_m
from polytask.lab.metrics.evaluate import evaluate, task_loss
from polytask.lab.metrics.metric import (
    METRICS,
    Metric,
    UndefinedMetricError,
    primary_metric,
)
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
