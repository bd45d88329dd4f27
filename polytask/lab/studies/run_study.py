"""Run a study: everything that is not in its folder yet, then the tables."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import keras
from msgspec.structs import replace

from polytask._atomic import write_atomically
from polytask.errors import UserError
from polytask.lab.studies.baselines import check_installed, fit_baselines
from polytask.lab.studies.folder import locked
from polytask.lab.studies.lanes import Group, groups, how_trained, shared_out
from polytask.lab.studies.load_data import StudyData, write_data_files
from polytask.lab.studies.plan import plan, trained_as
from polytask.lab.studies.processes import engine_for
from polytask.lab.studies.progress import StudyProgress, lines
from polytask.lab.studies.ray_engine import Cluster
from polytask.lab.studies.run_tuning import described, tuned
from polytask.lab.studies.schema import (
    BASELINES_FILE,
    Record,
    Run,
    encoded,
    read_stored,
)
from polytask.lab.studies.store import Store, describe
from polytask.lab.studies.study import Study
from polytask.lab.studies.summary_schema import BaselineModel, BaselineModels
from polytask.lab.studies.tables import write_tables
from polytask.lab.studies.train import check_variants
from polytask_options import Baselines

# Fewer networks than that are trained before a program is compiled.
_WORTH_LANES = 8


def run_study(
    study: Study,
    folder: str | Path,
    jobs: int = 0,
    command: str = "",
    lanes: bool = True,
    cluster: Cluster | None = None,
) -> dict[str, Any]:
    """Train what is missing and write the results of a study.

    Killed at any time, the same call continues: a run counts once its file is there,
    and files appear as a whole. An existing study may be extended by variants and
    seeds.

    Args:
        study: What was asked for.
        folder: Where the results go.
        jobs: Processes that train. 0 trains in this process, which a notebook needs;
            a script that asks for more must be guarded by
            `if __name__ == "__main__":`.
        command: The command line that repeats the study, for the report.
        lanes: Whether trainings of one structure run as one program, where the backend
            is JAX; see `polytask.lab.studies.lanes`.
        cluster: Trains on the machines of a Ray cluster, in place of `jobs`.

    Returns:
        The summary, see `polytask.lab.studies.summarize`.

    Raises:
        UserError: If the data do not fit, or the folder holds something else.
    """
    if jobs < 0:
        raise UserError(f"jobs = {jobs}; accepted is an integer from 0.")
    check_installed(study.baselines.models)
    store = Store(folder)
    data = StudyData(store.continued(study))
    study, dataset, preprocessor = data.study, data.first, data.preprocessor
    description = describe(study, dataset, command, test_ratio=data.test_ratio())
    store.check(description)
    data.check()
    store.folder.mkdir(parents=True, exist_ok=True)
    with locked(store.folder):
        store.open(description)
        if preprocessor is not None:
            write_data_files(store.folder, dataset, preprocessor)
        study = tuned(study, data, store.folder, jobs, lanes, cluster)
        description.tuned = described(study)
        runs = plan(study, [task.name for task in dataset.tasks])
        finished = store.records(runs)
        missing = [run for run in runs if run not in finished]
        progress = StudyProgress(
            len(runs), len(finished), lines(jobs, cluster), study.budget.epochs
        )

        waiting: dict[Run, list[Run]] = {}
        for run in missing:
            waiting.setdefault(trained_as(study, run), []).append(run)

        def done(trained: Run, record: Record) -> None:
            for run in waiting.pop(trained, []):
                own = replace(record, run_id=run.run_id, variant=run.variant)
                store.save(run, own)
                finished[run] = own
                progress.done(run, own)

        with progress:
            for run in [run for run in waiting if run in finished]:
                done(run, finished[run])
            to_train = groups(study, data, list(waiting), lanes)
            if cluster is not None:
                to_train = shared_out(to_train, cluster.gpus)
            if len(to_train) >= _WORTH_LANES and keras.backend.backend() != "jax":
                progress.console.print(
                    f"polytask: these {len(to_train)} networks are trained one by one; "
                    "on JAX those that are alike train side by side, at a fraction of "
                    'the CPU time (pip install "polytask[jax]"; --backend jax).',
                    soft_wrap=True,
                    markup=False,
                    highlight=False,
                )
            if to_train:
                works = [Group(study, data, store, group) for group in to_train]
                check = partial(
                    check_variants,
                    study.variants,
                    network=study.network,
                    budget=study.budget,
                )
                most = min(jobs, len(works))
                with engine_for(data, most, check, cluster) as engine:
                    engine.run(works, progress.epoch, done)
        description.created_by["training"] = how_trained(finished.values())
        store.open(description)
        complete_baselines(study, data, store.folder)
        return write_tables(store)


def complete_baselines(study: Study, data: StudyData, folder: Path) -> None:
    """Fit the baselines that are asked for and not stored yet, split by split."""
    path = folder / BASELINES_FILE
    stored = read_stored(path, BaselineModels) if path.exists() else BaselineModels()
    asked = study.baselines.models
    grids = {name: study.baselines.grid(name) for name in asked}
    known = {
        name
        for name in stored.kinds
        # What was stored before grids were has tried the usual ones.
        if stored.grids.get(name, Baselines().grid(name)) == grids.get(name)
    }
    repeats: list[int | None] = list(study.seeds) if study.varies_split else [None]
    models: list[BaselineModel] = []
    order = [task.name for task in data.first.tasks]
    for number, repeat in enumerate(repeats, start=1):
        there = known if repeat in stored.repeats else set()
        models += [m for m in stored.models if m.seed == repeat and m.name in there]
        missing = [name for name in asked if name not in there]
        if missing:
            dataset = data.first if repeat is None else data.of(repeat)
            models += fit_baselines(
                dataset, missing, repeat or 0, repeat, study.baselines
            )
        models.sort(key=lambda m: (order.index(m.task), asked.index(m.name)))
        if missing or number == len(repeats):
            content = BaselineModels(
                kinds=list(asked), grids=grids, repeats=repeats[:number], models=models
            )
            write_atomically(path, encoded(content))


def default_jobs() -> int:
    """Return 2, or 1 where there is one core only."""
    return min(2, os.cpu_count() or 1)
