"""`polytask fit`: one model on one's own table, with its metrics and a report."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from polytask._atomic import write_atomically
from polytask.errors import UserError, listed, plural
from polytask.lab.choosing import joining, recommended_rows
from polytask.lab.commands import command_line, with_flags
from polytask.lab.fitting import Fitted, check_new_folder, new_folder
from polytask.lab.kinds import task_kinds
from polytask.lab.studies.diagnostics import diagnosed
from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.schema import Record, encoded
from polytask.lab.studies.store import Store
from polytask.lab.studies.stored_diagnostics import DIAGNOSTICS_FILE
from polytask.lab.studies.study import Study, Variant
from polytask.lab.studies.train import check_variants
from polytask.lab.tables import Dataset, Preprocessor, parse_task
from polytask.lab.tables.split_rows import PARTS
from polytask_options import Budget, DataSource, Network, Settings


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    study = _study(flags)
    folder = Path(flags.out or f"runs/{study.name}")
    check_new_folder(folder, flags.overwrite)
    if flags.config:
        dataset, preprocessor = _own_rows(study.data)
        check_variants(study.variants, dataset, study.network, study.budget)
    else:
        effort = flags.effort or "good"
        change = partial(with_flags, flags=flags)
        study, dataset, preprocessor = recommended_rows(
            study, _own_rows, effort, change, verbose=True
        )
    for sentence in (*_left_out(dataset), *_joined(dataset, preprocessor)):
        print(f"polytask: {sentence}", file=sys.stderr)
    with new_folder(folder, flags.overwrite) as aside:
        fitted = Fitted.train(study, dataset, preprocessor)
        found = diagnosed(fitted.model, dataset)
        write_atomically(aside / DIAGNOSTICS_FILE, encoded(found))
        fitted.write(aside, command_line(flags, folder))
    Console().print(_table(fitted.record))
    print(f"Model:  {Store(folder, kind='fit').best_model_file}")
    print(f"Report: {folder / 'report.html'}")


def _study(flags: argparse.Namespace) -> Study:
    table = Path(flags.table)
    if flags.task:
        tasks = tuple(task_kinds([parse_task(task) for task in flags.task]).items())
    elif flags.config:
        tasks = Study.load(flags.config).data.tasks
    else:
        tasks = ()
    if not tasks:
        raise UserError(
            "No task is given: --task COLUMN:KIND, or a --config with [tasks]."
        )
    data = DataSource(file=str(table.resolve()), tasks=tasks)
    network, budget, settings = Network(), Budget(), Settings()
    if flags.config:
        config = Study.load(flags.config)
        network, budget = config.network, config.budget
        if config.data.file:
            data = replace(config.data, file=data.file, tasks=tasks)
        if flags.variant:
            settings = config.narrowed([flags.variant]).variants[0].settings
        if flags.effort:
            raise UserError(
                "--effort chooses network and training, and so does --config: give one."
            )
    elif flags.variant:
        raise UserError("--variant chooses from a study file; give it with --config.")
    # What the file says of a column as an input does not count for a target.
    targets = dict(tasks)
    columns = tuple(pair for pair in data.columns if pair[0] not in targets)
    data = with_flags(replace(data, columns=columns), flags, part="table")
    return Study(
        name=_name(table),
        title=f"{table.name}: {', '.join(name for name, _ in tasks)}",
        data=data,
        network=with_flags(network, flags),
        budget=with_flags(budget, flags),
        variants=(Variant("fit", "Fitted model", with_flags(settings, flags)),),
        seeds=(_seed(flags.seed),),
    )


def _own_rows(source: DataSource) -> tuple[Dataset, Preprocessor]:
    dataset, preprocessor = load_data(source)
    assert preprocessor is not None, "a table's file has one"
    return dataset, preprocessor


def _left_out(dataset: Dataset) -> Iterator[str]:
    """Say which columns are no inputs and why, those of one value last."""
    columns = [one for one in dataset.facts["columns"] if one["role"] == "left out"]
    columns.sort(key=lambda one: one["kind"] not in ("id", "text", "nested"))
    reasons = [f"{one['name']!r} ({one['reason']})" for one in columns]
    if reasons:
        yield f"{plural(len(reasons), 'column')} left out: {listed(reasons, 6)}."


def _joined(dataset: Dataset, preprocessor: Preprocessor) -> Iterator[str]:
    """Say of which columns most rows hold categories that count as one."""
    rows = len(dataset.train)
    for encoder in joining(preprocessor, rows):
        rare, kept = len(encoder.rare), len(encoder.kept)
        yield (
            f"column {encoder.name!r}: {rare:,} of its {rare + kept:,} categories, "
            f"in {encoder.rare_rows / rows:.0%} of the training rows, count as one; "
            "--max-categories and --min-frequency say how many are kept."
        )


def _seed(seed: int) -> int:
    # What NumPy's generator, which Keras seeds as well, accepts.
    if not 0 <= seed < 2**32:
        raise UserError(f"--seed {seed}; accepted is an integer from 0 to {2**32 - 1}.")
    return seed


def _name(table: Path) -> str:
    stem = table.name.split(".")[0]
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in stem) or "table"


def _table(record: Record) -> Table:
    reached = {split for _, split, _, _ in record.scores}
    splits = [part for part in PARTS if part in reached]
    table = Table()
    for heading in ("task", "metric", *splits):
        table.add_column(heading, justify="right" if heading in splits else "left")
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for task, split, metric, value in record.scores:
        text = "undefined" if value is None else f"{value:.4f}"
        cells.setdefault((task, metric), {})[split] = text
    for (task, metric), values in cells.items():
        table.add_row(Text(task), metric, *(values[split] for split in splits))
    return table
