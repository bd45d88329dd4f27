"""Variants × seeds on one data set: plan, run, store, resume."""

from polytask.lab.studies.experiment import Experiment, Outcome, VariantSummary
from polytask.lab.studies.plan import plan
from polytask.lab.studies.run_study import run_study
from polytask.lab.studies.schema import Run
from polytask.lab.studies.search.run_search import run_search
from polytask.lab.studies.study import Study, Variant
from polytask.lab.studies.summary import summarize
from polytask.lab.studies.train import Trained, train
from polytask_options import Budget, DataSource, Network, Settings

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
    "plan",
    "run_search",
    "run_study",
    "summarize",
    "train",
]
