"""The words of the command: verbs, and flags.

What a study can set has its flags from `polytask_options`.
"""

import argparse
import difflib
import re
from typing import Any, NoReturn

from polytask_options import Budget, DataSource, Network, Search, Settings, options
from polytask_options.catalogue import version
from polytask_options.values import Switch

#: The exit code of a wrong input.
WRONG_INPUT = 2
_TABLE = "CSV, TSV or text (also .gz), Parquet or Excel"


class _Parser(argparse.ArgumentParser):
    """A parser that answers a wrong word in one line, as all of polytask does."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        flags, unknown = super().parse_known_args(args, namespace)
        if unknown:
            name = unknown[0].partition("=")[0]
            # `polytask.errors.nearest` would load Keras for it.
            known = re.findall(r"--[\w-]+", self.format_usage())
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {close[0]}?" if close else ""
            self.error(f"unknown argument {unknown[0]!r}.{hint}")
        return flags, unknown

    def error(self, message: str) -> NoReturn:
        end = "" if message.endswith((".", "?")) else "."
        text = f"polytask: error: {message}{end} See {self.prog} --help.\n"
        self.exit(WRONG_INPUT, text)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    top = _Parser(
        prog="polytask",
        description="Regularized multi-task learning: compare, fit, predict.",
        epilog="First steps: polytask compare digits --out runs/digits",
    )
    top.add_argument("--version", action="version", version=f"polytask {version()}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    _compare(verbs)
    _search(verbs)
    _path(verbs)
    _fit(verbs)
    _predict(verbs)
    measured = _verb(verbs, "evaluate", "measure a stored model on a table with labels")
    measured.add_argument("run_folder", metavar="RUN", help="folder of a fit or study")
    measured.add_argument("table", metavar="DATA", help=_TABLE)
    _reading(measured)
    _adapt(verbs)
    report = _verb(verbs, "report", "rebuild the report of a stored run")
    report.add_argument("run_folder", metavar="RUN", help="folder of a study or fit")
    init = _verb(verbs, "init", "write a commented study file for your own table")
    init.add_argument("table", metavar="DATA", help=_TABLE)
    init.add_argument(
        "--task",
        action="append",
        default=[],
        metavar="NAME[:KIND]",
        help="a target column, and its kind where the guess is not wanted; repeat",
    )
    _reading(init)
    init.add_argument("--out", default="study.toml", help="default: %(default)s")
    names = _verb(
        verbs,
        "list",
        "list regularizers, balancers, variant options and all techniques",
    )
    names.add_argument(
        "--format", choices=("text", "json"), default="text", help="default: text"
    )
    return top


def _verb(verbs: Any, name: str, text: str) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    verb.add_argument(
        "--backend", help="jax, tensorflow or torch; default: KERAS_BACKEND"
    )
    verb.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    return verb


def _compare(verbs: Any) -> None:
    verb = _verb(verbs, "compare", "train every variant and compare with single tasks")
    _training(verb, "runs/<study>")
    verb.add_argument("--seeds", type=int, help="number of seeds")
    verb.add_argument(
        "--repeats",
        type=int,
        help="number of repeats, each of its own split and seed",
    )
    verb.add_argument("--variants", help="only these, separated by commas")


def _search(verbs: Any) -> None:
    verb = _verb(verbs, "search", "find the best settings of a study's networks")
    _training(verb, "runs/<study>-search")
    _flags(verb, "search", Search)


def _path(verbs: Any) -> None:
    verb = _verb(verbs, "path", "train a study's network at many strengths of a knob")
    _training(verb, "runs/<study>-path-<knob>")
    verb.add_argument(
        "--knob", required=True, help="a strength or rate of a variant, such as l1"
    )
    verb.add_argument(
        "--from", dest="start", type=float, metavar="X", help="the smallest strength"
    )
    verb.add_argument(
        "--to", dest="end", type=float, metavar="X", help="the largest strength"
    )
    verb.add_argument(
        "--strengths", type=int, default=64, help="how many; default: %(default)s"
    )
    verb.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="splits and seeds, at each strength; default: %(default)s",
    )
    verb.add_argument(
        "--variant", help="whose knob it is; default: the network without penalties"
    )


def _training(verb: argparse.ArgumentParser, folder: str) -> None:
    """Add the flags of a study and of what trains its networks."""
    verb.add_argument(
        "study", metavar="STUDY", help="a TOML file, or a bundled study: digits, census"
    )
    verb.add_argument("--out", help=f"folder of the results; default: {folder}")
    verb.add_argument(
        "--jobs",
        type=int,
        help="processes that train, of one thread each; default: 2, or 1 on one core "
        "or where JAX trains all networks as one program",
    )
    verb.add_argument(
        "--lanes",
        choices=("on", "off"),
        default="on",
        help="whether JAX trains alike networks side by side; default: on",
    )
    verb.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="this machine, or those of a Ray cluster; default: local",
    )
    ray = "with --engine ray: "
    verb.add_argument("--address", help=f"{ray}of a running cluster, such as auto")
    verb.add_argument("--cpus", type=float, help=f"{ray}CPUs of a group; default: 1")
    verb.add_argument("--gpus", type=float, help=f"{ray}GPUs of a group; default: 0")
    verb.add_argument("--data-dir", help="folder that already holds the data files")
    verb.add_argument("--epochs", type=int, help="most epochs of a run")
    verb.add_argument(
        "--full", action="store_true", help="all rows of a bundled data set"
    )
    _flags(verb, "data of a study with a table of your own", DataSource)


def _fit(verbs: Any) -> None:
    verb = _verb(verbs, "fit", "train one model on your own table")
    verb.add_argument("table", metavar="DATA", help=_TABLE)
    verb.add_argument(
        "--task",
        action="append",
        default=[],
        metavar="NAME:KIND",
        help="a target column and its kind (binary, multiclass, ordinal, regression, "
        "count, positive); repeat; default: the tasks of --config",
    )
    verb.add_argument("--out", help="folder of the model; default: runs/<table>")
    verb.add_argument(
        "--overwrite", action="store_true", help="replace the model that is there"
    )
    verb.add_argument("--config", help="study file for network, budget and data")
    verb.add_argument("--variant", help="with --config: the variant to train")
    verb.add_argument(
        "--effort",
        choices=("quick", "good", "best"),
        help="without --config: how long the recommended network trains; default: good",
    )
    verb.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    _flags(verb, "regularization, sharing and balancing", Settings)
    _flags(verb, "network", Network)
    _flags(verb, "training", Budget)
    _flags(verb, "data", DataSource)


def _flags(verb: argparse.ArgumentParser, title: str, declared: type) -> None:
    """Add a flag for each option of a dataclass; None where it is not given."""
    group = verb.add_argument_group(title)
    shorthands: dict[str, list[str]] = {}
    for name, option in options(declared).items():
        if not option.flag:
            continue
        flag, text = f"--{name.replace('_', '-')}", option.help.replace("%", "%%")
        if isinstance(option.kind, Switch):
            switch = argparse.BooleanOptionalAction
            group.add_argument(flag, action=switch, default=None, help=text)
        else:
            group.add_argument(flag, metavar=option.kind.metavar, help=text)
        if option.shorthand:
            shorthands.setdefault(option.shorthand, []).append(flag)
    for shorthand, flags in shorthands.items():
        text = f"sets {' and '.join(flags)}"
        group.add_argument(f"--{shorthand}", metavar="X", help=text)


def _predict(verbs: Any) -> None:
    verb = _verb(verbs, "predict", "apply a stored model to a table")
    verb.add_argument("run_folder", metavar="RUN", help="folder of a fit or study")
    verb.add_argument("table", metavar="DATA", help=_TABLE)
    verb.add_argument("--out", default="predictions.csv", help="default: %(default)s")
    verb.add_argument(
        "--keep", metavar="A,B", help="columns of the table to put beside"
    )
    verb.add_argument(
        "--safe-cells",
        action="store_true",
        help="put an apostrophe before texts that a spreadsheet takes for formulas",
    )
    _reading(verb)


def _adapt(verbs: Any) -> None:
    verb = _verb(verbs, "adapt", "teach a stored model one more task from few rows")
    verb.add_argument("run_folder", metavar="RUN", help="folder of a fit or study")
    verb.add_argument("table", metavar="DATA", help=_TABLE)
    verb.add_argument(
        "--task",
        required=True,
        metavar="NAME:KIND",
        help="the new target column and its kind: binary, multiclass or regression",
    )
    verb.add_argument(
        "--rows",
        type=int,
        metavar="N",
        help="labeled rows to learn from, drawn at random; the others measure the "
        "result; default: all",
    )
    verb.add_argument(
        "--method",
        choices=("auto", "linear", "head", "l2sp", "full"),
        default="auto",
        help="what may move: the new head (linear: to its exact minimum), or all "
        "weights (l2sp: near the trained ones); default: chosen by cross-validation",
    )
    verb.add_argument(
        "--folds", type=int, default=5, help="of it; default: %(default)s"
    )
    verb.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    verb.add_argument("--out", help="folder of the model; default: RUN-NAME")
    verb.add_argument(
        "--overwrite", action="store_true", help="replace the model that is there"
    )
    _reading(verb)


def _reading(verb: argparse.ArgumentParser) -> None:
    """Add the flags that say how a file is read."""
    declared = options(DataSource)
    for name in ("sep", "decimal", "encoding"):
        metavar, text = declared[name].kind.metavar, declared[name].help
        verb.add_argument(f"--{name}", metavar=metavar, help=text)
