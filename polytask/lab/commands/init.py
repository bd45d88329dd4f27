"""`polytask init`: a commented study file for one's own table."""

import argparse
import os
from pathlib import Path

from polytask._atomic import write_atomically
from polytask.errors import UserError
from polytask.lab.commands import reading
from polytask.lab.studies.folder import check_place
from polytask.lab.tables import study_template
from polytask.lab.tables.init_study import toml_string


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    out = Path(flags.out)
    if out.exists():
        raise UserError(f"{out} exists; remove it or give another --out.")
    check_place(out)
    table = Path(flags.table)
    text = study_template(
        table,
        tasks=flags.task,
        **reading(flags),
    )
    # The template names the file as seen from here; a study file, from its folder.
    here = f"file = {toml_string(table.as_posix())}"
    there = os.path.relpath(table, out.parent).replace(os.sep, "/")
    text = text.replace(here, f"file = {toml_string(there)}", 1)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, text)
    print(f"Study: {out}. Look at the lines marked as guessed, then:")
    print(f"  polytask compare {out}")
