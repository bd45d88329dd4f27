"""The command-line options that all examples have."""

import argparse
from pathlib import Path

from polytask.lab.tables.fetch import VARIABLE


def example_options(
    description: str,
    out: str,
    seeds: int = 3,
    validate: str | None = None,
    data: bool = True,
    jobs: bool = False,
) -> argparse.ArgumentParser:
    """Return a parser with `--data-dir`, `--quick`, `--seeds` and `--out`.

    Args:
        description: What the example does; its first line is enough.
        out: Default folder of the results.
        seeds: Default number of seeds.
        validate: What `--validate` does, for an example whose settings can be compared
            without its test rows; default: no such option.
        data: Whether the example reads data, and so has `--data-dir`.
        jobs: Whether its trainings may run in several processes, by `--jobs`.

    Returns:
        The parser; an example may add options of its own.

    Example:
        >>> parser = example_options("Train something.", out="runs/something")
        >>> parser.parse_args(["--quick"]).seeds
        3
    """
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if data:
        parser.add_argument(
            "--data-dir",
            type=Path,
            help=f"folder with the data; default: ${VARIABLE}, else downloaded once",
        )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a small part of the data and few epochs: shows that it runs",
    )
    parser.add_argument(
        "--seeds",
        type=_positive,
        default=seeds,
        help=f"trainings of each variant; default: {seeds}",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(out),
        help=f"folder of the results; default: {out}",
    )
    if jobs:
        parser.add_argument(
            "--jobs",
            type=_positive,
            default=1,
            help="processes that train, with one compute thread each; default: 1",
        )
    if validate is not None:
        parser.add_argument("--validate", action="store_true", help=validate)
    return parser


def _positive(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return value
