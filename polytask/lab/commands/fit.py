"""`polytask fit`: one model on one's own table, with its metrics and a report."""

import argparse
import os
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from polytask._atomic import scratch, write_atomically
from polytask.errors import UserError
from polytask.lab.kinds import task_kinds
from polytask.lab.reports import write_fit_report
from polytask.lab.studies.check_place import check_place
from polytask.lab.studies.describe import describe
from polytask.lab.studies.fields import Fields
from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.plan import MULTI_TASK, Run
from polytask.lab.studies.progress import StudyProgress
from polytask.lab.studies.settings import Settings
from polytask.lab.studies.store import Store
from polytask.lab.studies.study import Budget, DataSource, Network, Study, Variant
from polytask.lab.studies.tables import write_tables
from polytask.lab.studies.worker import train_run
from polytask.lab.tables import parse_task

OPTIONS = (
    *("l1", "l1_inputs", "l2", "group_lasso", "weight_decay", "dropout_input"),
    *("dropout_trunk", "dropout_tower", "batch_norm", "balancer"),
)


def run(options: argparse.Namespace) -> None:
    """Run the verb."""
    study = _study(options)
    folder = Path(options.out or f"runs/{study.name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not empty; give another --out.")
    check_place(folder)
    dataset, preprocessor = load_data(study.data)
    aside = scratch(folder)
    try:
        aside.mkdir(parents=True)
        store = Store(aside, fit=True)
        store.open(describe(study, dataset, _command(options, folder), kind="fit"))
        if preprocessor is not None:
            write_atomically(aside / "preprocessing.json", preprocessor.to_json())
        only = Run(MULTI_TASK, study.variants[0].name, study.seeds[0])
        with StudyProgress(1, 0, 1, study.budget.epochs) as progress:
            record = train_run(
                study,
                dataset,
                store,
                only,
                lambda epoch: progress.epoch(0, only, epoch),
            )
            store.save(only, record)
            progress.done(only, record)
        write_tables(store)
        write_fit_report(aside)
        if folder.exists():
            folder.rmdir()
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    Console().print(_table(record))
    print(f"Model:  {Store(folder, fit=True).best_model_file}")
    print(f"Report: {folder / 'report.html'}")


def _study(options: argparse.Namespace) -> Study:
    table = Path(options.table)
    tasks = tuple(task_kinds([parse_task(task) for task in options.task]).items())
    data = DataSource(file=str(table.resolve()), tasks=tasks)
    network, budget, settings = Network(), Budget(), Settings()
    if options.config:
        config = Study.load(options.config)
        network, budget = config.network, config.budget
        if config.data.file:
            data = replace(config.data, file=data.file, tasks=tasks)
        if options.variant:
            settings = config.narrowed([options.variant]).variants[0].settings
    elif options.variant:
        raise UserError("--variant chooses from a study file; give it with --config.")
    # What the file says of a column as an input does not count for a target.
    targets = dict(tasks)
    columns = tuple(pair for pair in data.columns if pair[0] not in targets)
    data = replace(data, columns=columns)
    return Study(
        name=_name(table),
        title=f"{table.name}: {', '.join(name for name, _ in tasks)}",
        data=data,
        network=_network(network, options),
        budget=_budget(budget, options),
        variants=(Variant("fit", "Fitted model", _settings(settings, options)),),
        seeds=(_seed(options.seed),),
    )


def _seed(seed: int) -> int:
    # What NumPy's generator, which Keras seeds as well, accepts.
    if not 0 <= seed < 2**32:
        raise UserError(f"--seed {seed}; accepted is an integer from 0 to {2**32 - 1}.")
    return seed


def _name(table: Path) -> str:
    stem = table.name.split(".")[0]
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in stem) or "table"


def _network(network: Network, options: argparse.Namespace) -> Network:
    if options.trunk is not None:
        network = replace(network, trunk=_widths("trunk", options.trunk))
    if options.towers is not None:
        network = replace(network, towers=_widths("towers", options.towers))
    return network


def _widths(option: str, text: str) -> tuple[int, ...]:
    parts = [part for part in text.split(",") if part.strip()]
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts) or (
        option == "trunk" and not parts
    ):
        raise UserError(
            f"--{option} {text!r}; accepted are widths from 1, such as 128,64."
        )
    return tuple(int(part) for part in parts)


def _budget(budget: Budget, options: argparse.Namespace) -> Budget:
    given = {
        key: getattr(options, key)
        for key in ("epochs", "batch_size", "learning_rate")
        if getattr(options, key) is not None
    }
    table = Fields(given, "Options")
    return replace(
        budget,
        epochs=table.integer("epochs", budget.epochs, low=1),
        batch_size=table.integer("batch_size", budget.batch_size, low=1),
        learning_rate=table.number(
            "learning_rate", budget.learning_rate, positive=True
        ),
    )


def _settings(settings: Settings, options: argparse.Namespace) -> Settings:
    given = settings.to_dict()
    if options.dropout is not None:
        given["dropout_trunk"] = given["dropout_tower"] = options.dropout
    for option in OPTIONS:
        value = getattr(options, option)
        if value is not None:
            given[option] = value
    if options.l1 is not None and options.l2 is not None:
        given["elastic_net"] = {"l1": given.pop("l1"), "l2": given.pop("l2")}
    return Settings.parse(Fields(given, "Options"))


def _command(options: argparse.Namespace, folder: Path) -> str:
    words = ["polytask", "fit", options.table, "--out", folder.as_posix()]
    for task in options.task:
        words += ["--task", task]
    named = ("backend", "config", "variant", "epochs", "batch_size", "learning_rate")
    for option in (*named, "trunk", "towers", "dropout", *OPTIONS):
        value = getattr(options, option)
        if value is True:
            words.append(f"--{option.replace('_', '-')}")
        elif value is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    if options.seed:
        words += ["--seed", str(options.seed)]
    return shlex.join(words)


def _table(record: dict[str, Any]) -> Table:
    splits = ("train", "validation", "test")
    table = Table()
    for heading in ("task", "metric", *splits):
        table.add_column(heading, justify="right" if heading in splits else "left")
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for task, split, metric, value in record["scores"]:
        text = "undefined" if value is None else f"{value:.4f}"
        cells.setdefault((task, metric), {})[split] = text
    for (task, metric), values in cells.items():
        table.add_row(Text(task), metric, *(values[split] for split in splits))
    return table
