"""`polytask search`: from ranges to the best network and its report."""

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from polytask.lab.commands import command_line, with_flags
from polytask.lab.commands.compare import (
    asked_cluster,
    asked_jobs,
    named_study,
)
from polytask.lab.reports import write_search_report
from polytask.lab.studies.search.result import BEST_FILE, SearchResult
from polytask.lab.studies.search.run_search import run_search
from polytask.lab.studies.search.space import Space, label


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    study = named_study(flags).narrowed(epochs=flags.epochs)
    space = study.search or Space()
    asked = with_flags(space.options, flags)
    study = replace(study, search=replace(space, options=asked))
    folder = Path(flags.out or f"runs/{study.name}-search")
    jobs = asked_jobs(flags)
    command = command_line(flags, folder)
    lanes, cluster = flags.lanes == "on", asked_cluster(flags)
    result = run_search(study, folder, jobs, command, lanes, cluster)
    report = write_search_report(folder)
    Console().print(_table(result))
    print(f"Best:   {folder / BEST_FILE}")
    print(f"Report: {report}")


def _table(result: SearchResult) -> Table:
    found = result.searched[0]
    best = found.trials[found.best]
    title = f"Trial {best.number}: mean relative validation loss {best.criterion:.4f}"
    table = Table(title=Text(title))
    for heading in ("option", "best", "importance"):
        table.add_column(heading, justify="left" if heading == "option" else "right")
    for name, value in best.drawn.items():
        shown = f"{value:.3g}" if isinstance(value, float) else label(value)
        share = found.importances.get(name)
        table.add_row(
            Text(name), Text(shown), "" if share is None else f"{100 * share:.0f} %"
        )
    return table
