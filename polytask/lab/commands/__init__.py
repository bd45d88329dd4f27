"""What each verb of the command line does; imported when the verb is used."""

import argparse
import shlex
from pathlib import Path


def command_line(flags: argparse.Namespace, folder: Path) -> str:
    """Return the command that was typed, for the record, with its folder said."""
    out = [] if flags.out else ["--out", folder.as_posix()]
    return shlex.join(["polytask", *flags.words, *out])


def reading(flags: argparse.Namespace) -> dict[str, str | None]:
    """Return the flags that say how a file is read, as `read_table` takes them."""
    return {name: getattr(flags, name) for name in ("sep", "decimal", "encoding")}
