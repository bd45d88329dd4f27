"""Variants × seeds on one data set: plan, run, store, resume."""

from polytask.studies.plan import Run, plan
from polytask.studies.run_study import run_study
from polytask.studies.settings import Settings
from polytask.studies.study import Budget, DataSource, Network, Study, Variant
from polytask.studies.summary import summarize
from polytask.studies.train import Trained, train

__all__ = [
    "Budget",
    "DataSource",
    "Network",
    "Run",
    "Settings",
    "Study",
    "Trained",
    "Variant",
    "plan",
    "run_study",
    "summarize",
    "train",
]
