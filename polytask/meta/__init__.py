"""New tasks from few rows: adaptation of a trained model, and meta-learned starts."""

from polytask.meta.adaptation import (
    Adaptation,
    Candidate,
    adapt,
    compare_adaptations,
)
from polytask.meta.episodes import Episodes
from polytask.meta.hypergradients import hypergradients, learn_strengths
from polytask.meta.meta_reg import learn_regularizer
from polytask.meta.methods import METHODS
from polytask.meta.task_augmentation import TaskAugmentation
from polytask.meta.trainer import Trainer

__all__ = [
    "METHODS",
    "Adaptation",
    "Candidate",
    "Episodes",
    "TaskAugmentation",
    "Trainer",
    "adapt",
    "compare_adaptations",
    "hypergradients",
    "learn_regularizer",
    "learn_strengths",
]
