"""The runs of a study, in the order in which they are trained."""

from collections.abc import Iterable
from dataclasses import replace

from polytask.lab.studies.schema import MULTI_TASK, SINGLE_TASK, Run
from polytask.lab.studies.study import Study
from polytask_options import Budget, Settings


def plan(study: Study, tasks: Iterable[str]) -> list[Run]:
    """Return every run of a study.

    Each variant × seed is trained once on all tasks, and once per task alone: the
    same network, budget and regularization, which is the baseline. A study may name
    the variants that are. Seeds change slowest, so that after the first of them every
    variant has a result.

    Args:
        study: What was asked for.
        tasks: Names of the tasks.

    Returns:
        The runs in training order.
    """
    names = list(tasks)
    return [
        run
        for seed in study.seeds
        for variant in study.variants
        for run in (
            Run(MULTI_TASK, variant.name, seed),
            *(
                Run(SINGLE_TASK, variant.name, seed, task)
                for task in names
                if variant.name in study.alone
            ),
        )
    ]


def trained_as(study: Study, run: Run) -> Run:
    """Return the first run of the study that is the same training.

    Sharing, balancers and task structures change nothing for one task alone, so
    variants that differ in these have the same single-task networks.

    Args:
        study: What was asked for.
        run: One of its runs.
    """
    if run.model == MULTI_TASK:
        return run
    alone = study.variant(run.variant).settings.alone()
    first = next(n for n in study.alone if study.variant(n).settings.alone() == alone)
    return replace(run, variant=first)


def arm_settings(study: Study, run: Run) -> Settings:
    """Return the settings of a run's variant, or what tuning chose for its arm.

    Args:
        study: What was asked for.
        run: One of its runs.
    """
    draw = study.tuned.get((run.model, run.variant, run.task))
    return draw.settings if draw else study.variant(run.variant).settings


def budget_of(study: Study, run: Run) -> Budget:
    """Return what a run may spend, with the learning rate that tuning chose.

    Args:
        study: What was asked for.
        run: One of its runs.
    """
    draw = study.tuned.get((run.model, run.variant, run.task))
    if draw is None:
        return study.budget
    return replace(study.budget, learning_rate=draw.learning_rate)
