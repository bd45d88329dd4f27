"""`polytask compare`: a study from data to report."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polytask.errors import UserError, plural
from polytask.lab.commands import command_line, with_flags
from polytask.lab.reports import write_report
from polytask.lab.studies.ray_engine import Cluster
from polytask.lab.studies.run_study import default_jobs, run_study
from polytask.lab.studies.schema import (
    BASELINE,
    BASELINES,
    MULTI_TASK,
    RESULTS_FILE,
    Description,
)
from polytask.lab.studies.store import Store
from polytask.lab.studies.study import Study
from polytask_options import DataSource, options

#: Tasks whose metrics stand in one table beside Δm.
BESIDE = 5
# Characters of a line, where no terminal says it.
_WIDE = 120


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    variants = None
    if flags.variants is not None:
        variants = [name.strip() for name in flags.variants.split(",")]
    study = named_study(flags)
    study = study.narrowed(variants, flags.seeds, flags.epochs, flags.repeats)
    folder = Path(flags.out or f"runs/{study.name}")
    jobs = asked_jobs(flags)
    command = command_line(flags, folder)
    lanes, cluster = flags.lanes == "on", asked_cluster(flags)
    summary = run_study(study, folder, jobs, command, lanes, cluster)
    report = write_report(folder)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    description = Store(folder).description()
    console.print(_table(description, summary))
    if len(description.tasks) > 1 and summary["comparisons"]:
        console.print(_hidden(description, summary))
    for table in _task_tables(description, summary, _metrics(folder, description)):
        console.print(table)
    _print_best(console, study, summary)
    print(f"Report: {report}")


def asked_jobs(flags: argparse.Namespace) -> int:
    """Return the number of processes that train.

    Args:
        flags: With `jobs`.

    Raises:
        UserError: If it is below 1.
    """
    jobs = default_jobs() if flags.jobs is None else flags.jobs
    if jobs < 1:
        raise UserError(f"--jobs {jobs}; accepted is an integer from 1.")
    return int(jobs)


def asked_cluster(flags: argparse.Namespace) -> Cluster | None:
    """Return the Ray cluster that trains, None for this machine.

    Args:
        flags: With `engine`, `address`, `cpus` and `gpus`.

    Raises:
        UserError: If a flag of Ray is given without it, or a number is out of range.
    """
    given = {
        name: value
        for name in ("address", "cpus", "gpus")
        if (value := getattr(flags, name)) is not None
    }
    if flags.engine != "ray":
        if given:
            raise UserError(f"--{next(iter(given))} is for --engine ray.")
        return None
    for name, least in (("cpus", 1.0), ("gpus", 0.0)):
        if given.get(name, least) < least:
            raise UserError(
                f"--{name} {given[name]:g}; accepted is a number from {least:g}."
            )
    return Cluster(**given)


def named_study(flags: argparse.Namespace) -> Study:
    """Return the study that the flags name, with their data.

    Args:
        flags: With `verb`, `study`, `full`, `data_dir` and those of a table.

    Raises:
        UserError: If there is none, or the flags do not fit it.
    """
    study = Study.load(flags.study, compares=flags.verb == "compare")
    if study.data.file:
        if flags.full or flags.data_dir:
            option = "--full" if flags.full else "--data-dir"
            raise UserError(
                f"{option} is for bundled data sets; {study.name} has a file."
            )
        return replace(study, data=with_flags(study.data, flags, part="table"))
    for name, declared in options(DataSource).items():
        if declared.flag and getattr(flags, name) is not None:
            raise UserError(
                f"--{name.replace('_', '-')} is for a study with a table of your own; "
                f"{study.name} has a bundled data set."
            )
    data = replace(
        study.data,
        full=flags.full or study.data.full,
        data_dir=flags.data_dir or study.data.data_dir,
    )
    return replace(study, data=data)


def _metrics(folder: Path, description: Description) -> dict[tuple[str, str], str]:
    """Return variant and task → mean test metric of its multi-task networks."""
    results = pd.read_parquet(folder / RESULTS_FILE)
    primary = {task.name: task.primary for task in description.tasks}
    of_tasks = results["metric"] == results["task"].map(primary)
    tests = (results["model"] == MULTI_TASK) & (results["split"] == "test")
    means = results[of_tasks & tests].groupby(["variant", "task"])["value"].mean()
    return {key: f"{value:.4g}" for key, value in means.items()}


def _task_tables(
    description: Description,
    summary: dict[str, Any],
    found: dict[tuple[str, str], str],
) -> Iterator[Table]:
    """Yield tables of each variant's test metrics beside Δm, some tasks at a time."""
    names = [task.name for task in description.tasks]
    for start in range(0, len(names), BESIDE):
        some = slice(start, start + BESIDE)
        table = Table("variant", title="Test metrics")
        table.add_column("Δm %", justify="right")
        for task in description.tasks[some]:
            table.add_column(Text(f"{task.name}\n{task.primary}"), justify="right")
        for variant in description.variants:
            table.add_row(
                Text(variant.title),
                _signed(summary["delta_m"][variant.name]["mean"]),
                *(found.get((variant.name, task), "") for task in names[some]),
                style="bold" if variant.name == summary["best"] else "",
            )
        yield table


def _table(description: Description, summary: dict[str, Any]) -> Table:
    table = Table(title=Text(description.title))
    unit = "repeats" if description.vary else "seeds"
    for heading in ("variant", "Δm %", "95 % interval", unit, "p"):
        table.add_column(heading, justify="left" if heading == "variant" else "right")
    for variant in description.variants:
        entry = summary["delta_m"][variant.name]
        best = variant.name == summary["best"]
        table.add_row(
            Text(variant.title),
            _signed(entry["mean"]) or entry.get("reason", ""),
            " to ".join(filter(None, (_signed(entry["low"]), _signed(entry["high"])))),
            str(len(entry["per_seed"])),
            _p_value(entry["p_adjusted"]),
            style="bold" if best else "",
        )
    return table


def _hidden(description: Description, summary: dict[str, Any]) -> Table:
    """Return what the mean over tasks hides."""
    table = Table("variant", title="Beside the mean")
    for heading in ("Δm %", "worst task", "its Δ %", "error %"):
        table.add_column(heading, justify="right")
    for variant in description.variants:
        entry = summary["delta_m"][variant.name]
        table.add_row(
            Text(variant.title),
            _signed(entry["mean"]),
            Text(entry["worst_task"]),
            _signed(entry["worst"]),
            _signed(_negative(entry["error_reduction"])),
            style="bold" if variant.name == summary["best"] else "",
        )
    return table


def _p_value(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"


def _print_best(console: Console, study: Study, summary: dict[str, Any]) -> None:
    for task, entry in summary["baseline"].items():
        value = "undefined" if entry["value"] is None else f"{entry['value']:.4f}"
        text = f"Baseline of {task}: {entry['metric']} {value} ({entry['variant']})"
        console.print(Text(text))
    for task, entry in summary["strongest_model"].items():
        if entry["model"] == BASELINE and entry["value"] is not None:
            text = f"Strongest single-task model of {task}: {entry['metric']} "
            text += f"{entry['value']:.4f} ({BASELINES[entry['variant']]})"
            console.print(Text(text))
    for entry in summary["missing"]:
        print(
            f"polytask: warning: {entry['metric']} of {entry['task']} is undefined on "
            f"{entry['split']} data in {entry['runs']} runs: {entry['reason']}.",
            file=sys.stderr,
        )
    for warning in summary["warnings"]:
        print(f"polytask: warning: {warning}", file=sys.stderr)
    if summary["best"] is not None:
        title = study.variant(summary["best"]).title
        text = f"Best on validation data: {title}. Δm compares test data with the "
        console.print(Text(text + "strongest single-task network of each task."))
    if summary["comparisons"]:
        comparisons = plural(summary["comparisons"], "comparison")
        text = f"p is adjusted for {comparisons} (Holm); error: of the mean error, how "
        console.print(Text(text + "much is added or gone."))
