"""The command `polytask`: without the package, so that `--help` answers at once.

Nothing of `polytask` is imported before a verb runs, because that loads Keras and with
it a backend.
"""

import argparse
import importlib
import json
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from polytask_cli.arguments import WRONG_INPUT as WRONG_INPUT
from polytask_cli.arguments import parser as parser
from polytask_options.catalogue import catalogue
from polytask_options.inventory import inventory

INTERRUPTED = 130
_SHOW_WARNING = warnings.showwarning


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: The words after `polytask`; default: those of this process.

    Returns:
        The exit code: 0, 2 for a wrong input, 130 after Ctrl-C or SIGTERM.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    whole = parser()
    flags = whole.parse_args(words)
    flags.words = words
    if flags.verb is None:
        whole.print_help()
        return 0
    if flags.backend:
        os.environ["KERAS_BACKEND"] = flags.backend
    # The chatter of TensorFlow and XLA would bury the one message that counts.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
    warnings.showwarning = _show_warning
    try:
        with _terminated_as_interrupted():
            if flags.verb == "list":
                _list(flags)
            else:
                command = importlib.import_module(f"polytask.lab.commands.{flags.verb}")
                command.run(flags)
    except KeyboardInterrupt:
        print("\npolytask: interrupted." + _resume_hint(flags), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # `polytask list | head`: the reader has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # A full disk or a path that cannot be written is no fault of the program.
        is_expected = isinstance(error, OSError) or _is_user_error(error)
        if flags.debug:
            traceback.print_exc()
        elif is_expected:
            print(f"polytask: error: {_sentence(error, flags)}", file=sys.stderr)
        else:
            raise
        return WRONG_INPUT if is_expected else 1
    return 0


def _list(flags: argparse.Namespace) -> None:
    families, techniques = catalogue(), inventory()
    if flags.format == "json":
        records = {name: technique.to_dict() for name, technique in techniques.items()}
        whole = {**families, "Techniques": records}
        print(json.dumps(whole, indent=1, ensure_ascii=False))
        return
    families["Techniques"] = {name: one.line for name, one in techniques.items()}
    for title, lines in families.items():
        width = max(map(len, lines))
        print(
            title, *(f"  {n:<{width}}  {text}" for n, text in lines.items()), sep="\n"
        )


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Take a request to end, as a scheduler sends it, for Ctrl-C."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if category.__name__ == "TableWarning":
        print(f"polytask: warning: {message}", file=sys.stderr)
    else:
        _SHOW_WARNING(message, category, filename, lineno, file, line)


def _is_user_error(error: Exception) -> bool:
    # Looked up instead of imported: the error may come from `import polytask` itself.
    errors = sys.modules.get("polytask.errors")
    return errors is not None and isinstance(error, errors.UserError)


def _sentence(error: Exception, flags: argparse.Namespace) -> str:
    """Return what was wrong, with options and files as the user named them."""
    errors = sys.modules.get("polytask.errors")
    if errors is not None and isinstance(error, OSError):
        return str(errors.system_message(error))
    option = getattr(error, "option", "")
    if not option or getattr(flags, option, None) is None:
        return str(error)
    # Only an OptionError has an option, and it says its sentence of any name.
    return str(error.typed(f"--{option.replace('_', '-')}"))  # type: ignore[attr-defined]


def _resume_hint(flags: argparse.Namespace) -> str:
    if flags.verb in ("compare", "search", "path"):
        return " Finished runs are kept; the same command continues."
    return " Nothing was written; run the same command again."
