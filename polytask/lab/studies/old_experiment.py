"""Folders of experiments from before version 0.2, brought into the form of studies."""

import json
from typing import Any
from urllib.parse import unquote

from polytask._atomic import write_atomically
from polytask.errors import UserError
from polytask.lab.studies.schema import (
    MULTI_TASK,
    Description,
    Record,
    Run,
    StoredTask,
    StoredVariant,
    encoded,
)
from polytask.lab.studies.store import Store

_SETTINGS = "experiment.json"


def upgraded(store: Store) -> Description | None:
    """Return what an experiment's folder describes, None where it holds nothing yet.

    Old files are removed once all of them stand in the new form, so that a kill in
    between loses nothing.

    Raises:
        UserError: If an old file is damaged.
    """
    settings = store.folder / _SETTINGS
    if not settings.exists():
        return store.description() if store.study_file.exists() else None
    files = [f for f in store.runs.glob("[!.]*.json") if "--seed" not in f.name]
    files.sort(key=lambda file: (file.stat().st_mtime_ns, file.name))
    place = settings
    try:
        old = json.loads(settings.read_bytes())
        description = Description(
            kind="experiment",
            name=store.folder.name,
            title=store.folder.name,
            created_by={"backend": old["backend"]},
            tasks=[
                StoredTask(name=task, metric=metric, higher=higher)
                for task, (metric, higher) in old["tasks"].items()
            ],
            settings=old["settings"],
        )
        for place in files:
            variant, _, seed = place.stem.rpartition(".")
            run = Run(MULTI_TASK, unquote(variant), int(seed))
            store.save(run, _record(run, json.loads(place.read_bytes())))
            if run.variant not in [v.name for v in description.variants]:
                description.variants.append(StoredVariant(name=run.variant))
            if run.seed not in description.seeds:
                description.seeds.append(run.seed)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{place} is damaged ({error}); remove it and run again."
        ) from error
    write_atomically(store.study_file, encoded(description))
    for file in (*files, settings):
        file.unlink()
    return description


def _record(run: Run, outcome: dict[str, Any]) -> Record:
    return Record.of(
        run,
        scores=[
            (task, split, metric, value)
            for split, tasks in outcome["scores"].items()
            for task, metrics in tasks.items()
            for metric, value in metrics.items()
        ],
        seconds=outcome["seconds"],
        extra=outcome["extra"],
    )
