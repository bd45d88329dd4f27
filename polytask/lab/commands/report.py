"""`polytask report`: the page of a stored run, written again."""

import argparse

from polytask.lab.reports import write_fit_report, write_report
from polytask.lab.studies.folder import locked
from polytask.lab.studies.store import Store
from polytask.lab.studies.tables import write_tables


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    store = Store.existing(flags.run_folder)
    with locked(store.folder):
        write_tables(store)
        write = write_fit_report if store.kind == "fit" else write_report
        print(f"Report: {write(store.folder)}")
