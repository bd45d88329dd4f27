"""`polytask report`: the page of a stored run, written again."""

import argparse

from polytask.lab.reports import write_fit_report, write_report
from polytask.lab.studies.folder_lock import FolderLock
from polytask.lab.studies.store import stored
from polytask.lab.studies.tables import write_tables


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    store = stored(flags.run_folder)
    with FolderLock(store.folder):
        write_tables(store)
        write = write_fit_report if store.fit else write_report
        print(f"Report: {write(store.folder)}")
