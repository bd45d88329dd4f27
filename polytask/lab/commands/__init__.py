"""What each verb of the command line does; imported when the verb is used."""

import argparse
import shlex
from pathlib import Path
from typing import Any, TypeVar

from polytask.lab.studies.reading import CommandLine, read
from polytask_options import options

T = TypeVar("T")


def command_line(flags: argparse.Namespace, folder: Path) -> str:
    """Return the command that was typed, for the record, with its folder said."""
    out = [] if flags.out else ["--out", folder.as_posix()]
    return shlex.join(["polytask", *flags.words, *out])


def reading(flags: argparse.Namespace) -> dict[str, str | None]:
    """Return the flags that say how a file is read, as `read_table` takes them."""
    return {name: getattr(flags, name) for name in ("sep", "decimal", "encoding")}


def with_flags(declared: T, flags: argparse.Namespace, part: str = "") -> T:
    """Return declared options with the values of the flags that were given.

    Args:
        declared: What holds where no flag is given, such as `Settings()`.
        flags: None where a flag is not given.
        part: As `polytask.lab.studies.reading.read` takes it.

    Raises:
        UserError: If a value is not accepted; it names the flag that was typed.
    """
    values: dict[str, Any] = {}
    typed: dict[str, tuple[str, str]] = {}
    for name, option in options(declared).items():
        for flag in filter(None, (option.shorthand, name if option.flag else "")):
            text = getattr(flags, flag)
            if text is not None:
                is_text = isinstance(text, str)
                values[name] = option.kind.from_text(text) if is_text else text
                typed[name] = (f"--{flag.replace('_', '-')}", str(text))
    if {"l1", "l2"} <= values.keys():
        values["elastic_net"] = {name: values.pop(name) for name in ("l1", "l2")}
        typed["elastic_net"] = ("--l1 and --l2", "")
    return read(declared, values, CommandLine(typed), part)
