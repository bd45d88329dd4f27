"""Metrics by kind of task, and what several tasks and seeds come to together."""

from polytask.metrics.constant import constant_prediction
from polytask.metrics.delta_m import delta_m
from polytask.metrics.direction import HIGHER_IS_BETTER, higher_is_better
from polytask.metrics.evaluate import evaluate, task_loss
from polytask.metrics.metric import (
    METRICS,
    Metric,
    UndefinedMetricError,
    primary_metric,
)
from polytask.metrics.seed_interval import Interval, seed_interval

__all__ = [
    "HIGHER_IS_BETTER",
    "METRICS",
    "Interval",
    "Metric",
    "UndefinedMetricError",
    "constant_prediction",
    "delta_m",
    "evaluate",
    "higher_is_better",
    "primary_metric",
    "seed_interval",
    "task_loss",
]
