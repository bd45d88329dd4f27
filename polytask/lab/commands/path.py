"""`polytask path`: the regularization path of a study's network."""

import argparse
from pathlib import Path

import keras

from polytask.lab.commands import command_line
from polytask.lab.commands.compare import (
    asked_cluster,
    asked_jobs,
    named_study,
)
from polytask.lab.reports import write_path_report
from polytask.lab.studies.path import path_study, run_path, span


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    study = named_study(flags).narrowed(epochs=flags.epochs)
    strengths = span(flags.knob, flags.start, flags.end, flags.strengths, study.network)
    path = path_study(study, strengths, flags.repeats, flags.variant or "")
    folder = Path(flags.out or f"runs/{study.name}-path-{flags.knob}")
    jobs, lanes = asked_jobs(flags), flags.lanes == "on"
    if lanes and keras.backend.backend() == "jax":
        # One program of lanes needs no second process.
        jobs = 0
    command, cluster = command_line(flags, folder), asked_cluster(flags)
    run_path(path, strengths, folder, jobs, command, lanes, cluster)
    print(f"Report: {write_path_report(folder)}")
