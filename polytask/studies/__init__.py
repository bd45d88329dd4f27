"""Variants × seeds on one data set: plan, run, store, resume."""

from polytask.studies.example_options import example_options
from polytask.studies.experiment import Experiment
from polytask.studies.experiment_summary import VariantSummary
from polytask.studies.outcome import Outcome
from polytask.studies.plan import Run, plan
from polytask.studies.run_study import run_study
from polytask.studies.settings import Settings
from polytask.studies.study import Budget, DataSource, Network, Study, Variant
from polytask.studies.summary import summarize
from polytask.studies.train import Trained, train

__all__ = [
    "Budget",
    "DataSource",
    "Experiment",
    "Network",
    "Outcome",
    "Run",
    "Settings",
    "Study",
    "Trained",
    "Variant",
    "VariantSummary",
    "example_options",
    "plan",
    "run_study",
    "summarize",
    "train",
]
