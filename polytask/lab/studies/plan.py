"""The runs of a study, in the order in which they are trained."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote

from polytask.lab.studies.study import Study

MULTI_TASK = "multi-task"
SINGLE_TASK = "single-task"


@dataclass(frozen=True)
class Run:
    """One training: a variant and a seed, on all tasks or on one alone.

    Args:
        model: `"multi-task"` or `"single-task"`.
        variant: Name of the variant.
        seed: Of initial weights, batches and dropout.
        task: The one task of a single-task run, `""` for all.
    """

    model: str
    variant: str
    seed: int
    task: str = ""

    @property
    def run_id(self) -> str:
        """The name of the run's file, without its ending."""
        task = _file_name(self.task) if self.task else "all"
        return f"{self.model}--{task}--{self.variant}--seed{self.seed}"


def plan(study: Study, tasks: Iterable[str]) -> list[Run]:
    """Return every run of a study.

    Each variant × seed is trained once on all tasks, and once per task alone: the
    same network, budget and regularization, which is the baseline. Seeds change
    slowest, so that after the first of them every variant has a result.

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
            *(Run(SINGLE_TASK, variant.name, seed, task) for task in names),
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
    first = next(v for v in study.variants if v.settings.alone() == alone)
    return replace(run, variant=first.name)


def _file_name(task: str) -> str:
    # A task is any column name; "--" has to stay the separator.
    return quote(task, safe="").replace("-", "%2D")
