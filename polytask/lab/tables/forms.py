"""How the distinct texts of a column are read: as categories, numbers or dates."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

#: A form in which the texts could be read in more than one way.
AMBIGUOUS = "ambiguous"

INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)", re.ASCII)
DECIMAL = re.compile(r"[+-]?(0|[1-9]\d*)\.\d+", re.ASCII)
# Postal codes, phone numbers: digits that are no amount.
LEADING_ZERO = re.compile(r"[+-]?0\d")

#: Up to here a float tells all whole numbers apart.
EXACT = 2.0**53

# What may stand beside an amount.
UNITS = "$¢£¤¥฿₡₦₨₩₪₫€₭₮₱₲₴₵₸₹₺₽₾₿"
AMOUNT = re.compile(
    rf"(?P<sign>[-+−]?)\s*(?P<before>[{UNITS}]?)\s*(?P<other_sign>[-+−]?)"
    rf"(?P<body>\d(?:[\d.,'\u2019\s]*\d)?)(?P<power>(?:[eE][-+]?\d+)?)"
    rf"\s*(?P<after>[{UNITS}%]?)"
)
# Decimal mark, and what groups thousands: nothing, the other mark, a space, a quote.
FORMS = (".", ".,", ". ", ".'", ",", ",.", ", ", ",'")
# Columns of numbers with few other texts are worth a warning.
FEW_OTHERS = 0.1
# A measure in words: 12 kg, EUR 12.50.
MEASURE = re.compile(
    r"[-+−]?\s*(?P<code>[A-Z]{3}\s+[-+−]?)?\d[\d.,]*\s*(?P<unit>[^\W\d_][\w/.]*|°\w?)?"
)
# Fewer texts than that tell nothing: 2D and 3D may as well be names.
FEWEST = 3
# As accountants write -12.50.
PARENTHESES = re.compile(r"\((?P<inside>[^()]*)\)")

ISO = "ISO8601"
LOOKS_LIKE_A_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T]\d|$)")
UNAMBIGUOUS = (ISO, "%Y/%m/%d", "%d.%m.%Y")
# What may follow a date, by the texts it is looked for in.
TIMES = {
    form: re.compile(pattern, re.ASCII | re.I)
    for form, pattern in {
        "": r"",
        " %H:%M": r" \d{1,2}:\d\d",
        " %H:%M:%S": r" \d{1,2}:\d\d:\d\d",
        " %H:%M:%S.%f": r" \d{1,2}:\d\d:\d\d\.\d{1,6}",
        " %I:%M %p": r" \d{1,2}:\d\d [ap]m",
        " %I:%M:%S %p": r" \d{1,2}:\d\d:\d\d [ap]m",
    }.items()
}
# So many distinct texts tell whether a column is meant to hold dates.
_MANY_DATES = 1_000
# Formats that read the same text differently; accepted where only one of a pair fits.
PAIRS = (("%m/%d/%Y", "%d/%m/%Y"), ("%m-%d-%Y", "%d-%m-%Y"))


def _pattern(form: str) -> re.Pattern[str]:
    group = {" ": "[ \u00a0\u2009\u202f]", "'": "['\u2019]"}.get(
        form[1:], re.escape(form[1:])
    )
    whole = rf"[1-9]\d{{0,2}}(?:{group}\d{{3}})+|" if group else ""
    return re.compile(rf"(?:{whole}0|[1-9]\d*)(?:{re.escape(form[0])}\d+)?", re.ASCII)


PATTERNS = {form: _pattern(form) for form in FORMS}


def cell_text(value: Any) -> str:
    """Return a cell as text, the same for a value however it was stored.

    The same cell may be a number in one file and text in the next, because of what
    else the column holds. So numbers lose trailing zeros (but digits that begin with
    a needless zero stay), booleans are written `true` and `false`, and spaces around
    a text are cut.

    Example:
        >>> [cell_text(value) for value in (1.0, "2.50", "01", "True", " nurse ")]
        ['1', '2.5', '01', 'true', 'nurse']
    """
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if float(value).is_integer() else str(value)
    text = str(value).strip()
    if DECIMAL.fullmatch(text):
        return cell_text(float(text))
    if INTEGER.fullmatch(text):
        return str(int(text))
    return text.lower() if text.lower() in ("true", "false") else text


def number_form(texts: Sequence[str], decimal: str = "") -> tuple[str, str]:
    """Find how amounts are written: with which marks, with units or without.

    Args:
        texts: Distinct texts, none missing, some of them no plain numbers.
        decimal: The decimal mark, `"."` or `","`, where it is known.

    Returns:
        The decimal mark, followed by what groups thousands, as `read_numbers` takes
        it; `""` if the texts are not all amounts. And, where that leaves a doubt, what
        is in the way, for a warning.

    Example:
        >>> number_form(["1.234,50 €", "12 €"])
        (',.', '')
        >>> number_form(["1,234", "12"])[1]
        "whether '1,234' has thousands or decimals cannot be told; say by --decimal \
which mark is decimal"
    """
    bodies, units, others = [], set(), []
    if all(map(PARENTHESES.fullmatch, texts)):
        return "", ""
    for place, text in enumerate(texts):
        amount = _amount(text)
        if amount is None:
            others.append(text)
            if len(others) > FEW_OTHERS * (place + 1) + 5:
                return "", _measured(texts)
        else:
            bodies.append(amount["body"])
            units.add(amount["before"] + amount["after"])
    if others:
        if len(others) > FEW_OTHERS * len(texts) or len(bodies) < 10:
            return "", _measured(texts)
        which = f"{len(others)} of its {len(texts)} texts, such as {others[0]!r}"
        return "", f"{which}, {'is' if len(others) == 1 else 'are'} not numeric"
    forms = [f for f in FORMS if f.startswith(decimal) and _all_match(bodies, f)]
    if not forms:
        return "", ""
    if len(units - {""}) > 1 or units == {"", "%"}:
        return "", f"its amounts have the units {', '.join(map(repr, sorted(units)))}"
    doubtful = [b for b in bodies if len({_plain(b, form) for form in forms}) > 1]
    # Without a unit, 1.234 is what programs write for a little more than one.
    if doubtful and not (forms[0] == "." and units == {""}):
        return "", (
            f"whether {doubtful[0]!r} has thousands or decimals cannot be told; say "
            "by --decimal which mark is decimal"
        )
    return forms[0], ""


def _measured(texts: Sequence[str]) -> str:
    """Return that all texts are numbers with the same unit, empty if they are not."""
    units = set()
    for text in texts:
        measure = MEASURE.fullmatch(text)
        unit = measure["code"] or measure["unit"] if measure else ""
        units.add((unit or "").rstrip(" -+−"))
        if len(units) > 1 or "" in units:
            return ""
    if len(texts) < FEWEST:
        return ""
    return f"its numbers carry the unit {units.pop()!r}; write the numbers alone"


def read_numbers(texts: Sequence[str], form: str = "") -> np.ndarray:
    """Return texts as float64, NaN where one is not a number.

    Args:
        texts: What the cells hold.
        form: As `number_form` found it; `""` for numbers as programs write them.

    Example:
        >>> read_numbers(["1", "2.5", "true", "tall"]).tolist()
        [1.0, 2.5, 1.0, nan]
        >>> read_numbers(["1.234,50 €", "-3 €"], ",.").tolist()
        [1234.5, -3.0]
    """
    if form:
        return np.array([_number(text, form) for text in texts], dtype=np.float64)
    truths = {"true": "1", "false": "0"}
    return plain_numbers([truths.get(text.lower(), text) for text in texts])


def plain_numbers(texts: Sequence[str]) -> np.ndarray:
    """Return texts as float64, NaN where one is not a number as programs write it."""
    column = pd.Series(texts, dtype=object)
    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)


def _amount(text: str) -> re.Match[str] | None:
    """Return the parts of an amount; one in parentheses is negative."""
    negative = PARENTHESES.fullmatch(text)
    return AMOUNT.fullmatch(f"-{negative['inside']}" if negative else text)


def _number(text: str, form: str) -> float:
    amount = _amount(text)
    if amount is None or not PATTERNS[form].fullmatch(amount["body"]):
        return np.nan
    negative = "".join(amount.group("sign", "other_sign")) not in ("", "+")
    number = float(_plain(amount["body"], form) + amount["power"])
    return -number if negative else number


def _all_match(bodies: Sequence[str], form: str) -> bool:
    return all(map(PATTERNS[form].fullmatch, bodies))


def _plain(body: str, form: str) -> str:
    """Return digits and a decimal point."""
    return re.sub(r"[^\d.]", "", re.sub(rf"[^\d{form[0]}]", "", body).replace(",", "."))


def date_form(texts: Sequence[str]) -> str | None:
    """Find the format in which every text is a date.

    Args:
        texts: Distinct texts, none missing.

    Returns:
        A `strptime` format, `"ISO8601"`, `"ambiguous"` where day and month cannot be
        told apart, or None.

    Example:
        >>> date_form(["2026-01-31", "2026-02-01 12:30"])
        'ISO8601'
        >>> date_form(["1/31/2026 8:05", "2/1/2026 12:30"])
        '%m/%d/%Y %H:%M'
    """
    if not texts or not all(map(LOOKS_LIKE_A_DATE.match, texts)):
        return None
    time = _time_form(texts[0])
    for form in UNAMBIGUOUS:
        whole = _with_time(form, time)
        if _all_are_dates(texts, whole):
            return whole
    for pair in PAIRS:
        forms = [_with_time(form, time) for form in pair]
        fitting = [form for form in forms if _all_are_dates(texts, form)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else AMBIGUOUS
    return None


def _time_form(text: str) -> str:
    """Return how the time of day after a date is written, empty for none known."""
    time = text[len(text.split(" ", 1)[0]) :]
    return next((form for form, known in TIMES.items() if known.fullmatch(time)), "")


def _with_time(form: str, time: str) -> str:
    return form if form == ISO else form + time


def date_doubt(texts: Sequence[str]) -> str:
    """Return what is in the way of reading texts as dates, if most look like dates.

    Args:
        texts: Distinct texts for which `date_form` finds no format.

    Example:
        >>> date_doubt(["2026-01-31", "2026-02-01", "01.03.2026"])
        "no format fits all of its dates, such as '2026-01-31' and '01.03.2026'; \
write YYYY-MM-DD"
    """
    some = list(texts[:_MANY_DATES])
    dates = [text for text in some if LOOKS_LIKE_A_DATE.match(text)]
    others = [text for text in some if not LOOKS_LIKE_A_DATE.match(text)]
    if len(dates) < FEWEST or len(others) > FEW_OTHERS * len(some):
        return ""
    if others:
        which = f"{len(others)} of its {len(some)} texts, such as {others[0]!r}"
        return f"{which}, {'is no date' if len(others) == 1 else 'are no dates'}"
    forms = (*UNAMBIGUOUS, *(form for pair in PAIRS for form in pair))
    time = _time_form(dates[0])
    read = [~np.isnat(read_dates(dates, _with_time(form, time))) for form in forms]
    fitting = max(read, key=np.count_nonzero)
    if fitting.all():
        # Only texts beyond the first many differ.
        return "no format fits all of its dates; write YYYY-MM-DD"
    if not fitting.any():
        return f"no format fits its dates, such as {dates[0]!r}; write YYYY-MM-DD"
    pair = (dates[int(np.argmax(fitting))], dates[int(np.argmin(fitting))])
    return (
        f"no format fits all of its dates, such as {pair[0]!r} and {pair[1]!r}; "
        "write YYYY-MM-DD"
    )


def read_dates(texts: Sequence[str], form: str) -> np.ndarray:
    """Return texts as UTC times, datetime64 with NaT where one is no date."""
    times = pd.to_datetime(
        pd.Series(texts, dtype=object), format=form, errors="coerce", utc=True
    )
    return utc_times(times)


def utc_times(times: pd.Series) -> np.ndarray:
    """Return times, with a zone or without, as datetime64 in UTC."""
    moved = pd.to_datetime(times, utc=True).dt.tz_convert(None)
    return np.asarray(moved.to_numpy())


def _all_are_dates(texts: Sequence[str], form: str) -> bool:
    return not np.isnat(read_dates(texts, form)).any()
