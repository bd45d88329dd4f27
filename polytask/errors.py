"""The one error that a user's input can cause."""

import difflib
import re
from collections.abc import Iterable

#: No message is longer, whatever names and cells it quotes.
LONGEST = 1_200
#: Of a name or cell in a message, so many characters are shown.
SHOWN = 60
# So many letters say what begins with them.
_TELLING = 3
# A word, or a text in quotes as `repr` writes it, that is much longer.
_LONG = re.compile(
    rf"""(?<!\w)(['"])(?:(?!\1)[^\\]|\\.){{{2 * SHOWN},}}\1(?!\w)|\S{{{2 * SHOWN},}}"""
)


class UserError(ValueError):
    """A wrong input: names what was found and what is accepted.

    The command line prints the message alone and exits with code 2; in a program
    it is an ordinary `ValueError`.

    Example:
        >>> raise UserError("Column 'age' is not in the table.")
        Traceback (most recent call last):
            ...
        polytask.errors.UserError: Column 'age' is not in the table.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(readable(message))


class OptionError(UserError):
    """A wrong value of an option, which commands call by its flag.

    Args:
        option: Its name in a study file or a call, such as `"exclude"`.
        text: The rest of the message, which begins with that name.

    Example:
        >>> error = OptionError("exclude", " names no column.")
        >>> str(error), error.typed("--exclude")
        ('exclude names no column.', '--exclude names no column.')
    """

    def __init__(self, option: str, text: str) -> None:
        super().__init__(option + text)
        self.option = option
        self.text = text

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        # A worker of scikit-learn sends it to the process that asked.
        return type(self), (self.option, self.text)

    def typed(self, flag: str) -> str:
        """Return the message where the user typed a flag."""
        return str(UserError(flag + self.text))


class TableWarning(UserWarning):
    """Something in a table that its owner should know; the command prints it."""

    def __init__(self, message: object = "") -> None:
        super().__init__(readable(message))


def readable(message: object) -> str:
    """Return a message that quotes no name or cell at unreadable length.

    Example:
        >>> readable(f"Column {'x' * 500!r} is empty.")
        "Column 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… is empty."
    """
    text = _LONG.sub(lambda long: f"{long[0][:SHOWN]}…", str(message))
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 3 :]}"
    return text


def system_message(error: OSError) -> str:
    """Return what the system refused, and of which file.

    Example:
        >>> system_message(OSError(28, "No space left on device", "runs/a.csv"))
        "No space left on device: 'runs/a.csv'"
    """
    if not error.strerror or error.filename is None:
        return str(error)
    return f"{error.strerror}: {str(error.filename)!r}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint such as ` Did you mean "l2"?`, or an empty string.

    Args:
        name: What the user wrote.
        known: The accepted names.

    Returns:
        The hint, with a leading space, or `""` where nothing is close or begins so.

    Example:
        >>> nearest("dropuot", ["dropout", "l2"])
        ' Did you mean "dropout"?'
        >>> nearest("mean", ["l2", "mean_regularized"])
        ' Did you mean "mean_regularized"?'
    """
    spelled = {word.lower(): word for word in known}
    wanted = name.lower()
    close = difflib.get_close_matches(wanted, spelled, n=1, cutoff=0.5)
    if not close and len(wanted) >= _TELLING:
        close = sorted((w for w in spelled if w.startswith(wanted)), key=len)
    return f' Did you mean "{spelled[close[0]]}"?' if close else ""


def one_of(argument: str, value: object, accepted: Iterable[str]) -> None:
    """Refuse a value that is not one of a few words.

    Args:
        argument: Name of the argument.
        value: What the user passed.
        accepted: The words.

    Raises:
        UserError: If it is none of them; the nearest is suggested.

    Example:
        >>> one_of("penalties", "gradient", ["proximal", "gradient"])
    """
    words = list(accepted)
    if value not in words:
        raise UserError(
            f"{argument} must be one of {', '.join(words)}; found {value!r}."
            f"{nearest(str(value), words)}"
        )


def listed(words: Iterable[str], most: int = 12) -> str:
    """Return words separated by commas, cut to a readable number.

    Example:
        >>> listed(["a", "b", "c", "d"], most=2)
        'a, b and 2 more'
    """
    every = list(words)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more:,} more" if more > 0 else "")


def plural(amount: int, noun: str) -> str:
    """Return the amount and the noun, in the plural where it needs one.

    Example:
        >>> plural(1, "seed"), plural(5, "seed")
        ('1 seed', '5 seeds')
    """
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"
