"""`polytask report`: the page of a stored run, written again."""

import argparse

from polytask.lab.reports import (
    write_fit_report,
    write_path_report,
    write_report,
    write_search_report,
)
from polytask.lab.studies.folder import locked, stored_content
from polytask.lab.studies.store import Store
from polytask.lab.studies.tables import write_tables

_WRITERS = {
    "fit": write_fit_report,
    "path": write_path_report,
    "search": write_search_report,
}


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    store = Store.existing(flags.run_folder)
    with locked(store.folder), stored_content(store.folder):
        write_tables(store)
        write = _WRITERS.get(store.kind, write_report)
        print(f"Report: {write(store.folder)}")
