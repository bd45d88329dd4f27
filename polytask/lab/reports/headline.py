"""The answer in plain words: the best variant, how certain, and what it costs."""

import math
from dataclasses import dataclass, field

from polytask.errors import plural
from polytask.lab.reports.charts.delta_chart import DeltaRow
from polytask.lab.reports.delta_section import delta_decimals, delta_rows, reasons
from polytask.lab.reports.numerals import count, number, p_value, percent
from polytask.lab.reports.stored_study import StoredStudy
from polytask.lab.studies.schema import (
    BASELINE,
    BASELINES,
    MULTI_TASK,
    SINGLE_TASK,
)

#: Of errors of the first kind.
LEVEL = 0.05


@dataclass(frozen=True)
class Figure:
    """One number to remember, with a label above and a remark below."""

    label: str
    value: str
    remark: str = ""


@dataclass(frozen=True)
class Headline:
    """What a reader should know who reads nothing else.

    Args:
        subject: The best variant, set in bold; empty where there is no answer.
        claim: The rest of the first sentence.
        details: Sentences on certainty, the plain network and the cost.
        figures: The numbers to remember.
    """

    subject: str
    claim: str
    details: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


def headline(stored: StoredStudy) -> Headline:
    """Return the answer of a study."""
    rows = delta_rows(stored)
    best = stored.best
    if best is None and stored.against and any(r.has_interval for r in rows.values()):
        return Headline(
            "",
            f"Each variant is compared with “{stored.against}” on test data, "
            f"{stored.unit} by {stored.unit}. Without validation data none of them is "
            "called the best.",
        )
    if best is None or not math.isfinite(rows[best].mean):
        return Headline(
            "",
            "There is no comparison yet: Δm needs finished runs of a variant and of "
            "the single-task networks of every task.",
            [
                f"Reason: {reason}."
                for reason in dict.fromkeys(reasons(stored).values())
            ],
        )
    decimals = delta_decimals(list(rows.values()))
    row = rows[best]
    details = [_certainty(row, stored.unit)]
    details += _comparisons(stored, row, best)
    details += _against_plain(stored, rows, decimals)
    details += _against_any_model(stored, best, decimals)
    details += _cost(stored, best)
    return Headline(
        row.title,
        _claim(stored, row, decimals),
        details,
        _figures(stored, best, rows, decimals),
    )


def _claim(stored: StoredStudy, row: DeltaRow, decimals: int) -> str:
    variants = plural(len(stored.variants), "variant")
    place = f"is the best of {variants}, chosen on validation data. "
    if len(stored.variants) == 1:
        place = "is the only variant. "
    size = percent(abs(row.mean), decimals)
    side = "better" if row.mean >= 0 else "worse"
    interval = "Δm"
    if row.has_interval:
        low = percent(row.low, decimals, signed=True)
        high = percent(row.high, decimals, signed=True)
        interval += f"; 95% interval {low} to {high}"
    tasks = len(stored.tasks)
    over = "one task" if tasks == 1 else f"average over {tasks} tasks"
    than = "the strongest single-task networks"
    if stored.against:
        than = f"“{stored.against}”"
    return (
        f"{place}On test data it scores, on {over}, {size} {side} than {than} "
        f"({interval})."
    )


def _certainty(row: DeltaRow, unit: str) -> str:
    compared = sum(math.isfinite(value) for value in row.per_seed)
    runs = plural(compared, unit)
    if not row.has_interval:
        return (
            f"There is no interval: it needs two {unit}s with a comparison, and there "
            f"is {compared}. Whether another {unit} would agree is not known."
        )
    if row.covers_zero:
        return (
            f"The interval covers 0: with {runs}, this is not distinguishable from no "
            "difference at all."
        )
    if row.low > 0:
        return f"The interval lies above 0: the spread over {runs} does not explain it."
    return (
        f"The interval lies below 0: over {runs}, separate networks, one per task, "
        "are the better choice on this data."
    )


def _comparisons(stored: StoredStudy, row: DeltaRow, best: str) -> list[str]:
    """Say what is left of the certainty with all comparisons, and whether it ties."""
    delta, margin = stored.delta_m(best), stored.study.margin
    if delta.p_adjusted is None or delta.p_equivalence is None:
        return []
    number = plural(stored.summary.comparisons, "comparison")
    p = p_value(delta.p_adjusted)
    sentences = []
    if stored.summary.comparisons > 1:
        sentences.append(f"Adjusted for {number} (Holm), p is {p}.")
        if not row.covers_zero and delta.p_adjusted >= LEVEL:
            sentences[-1] += " With so many, the difference is not significant."
    if delta.p_equivalence < LEVEL:
        sentences.append(
            f"It is a tie: the difference is shown to be smaller than {margin:g}% "
            f"(two one-sided tests, p {p_value(delta.p_equivalence)})."
        )
    elif row.covers_zero:
        sentences.append(
            f"Nor is it shown to be a tie, a difference below {margin:g}% (two "
            f"one-sided tests, p {p_value(delta.p_equivalence)})."
        )
    return sentences


def _against_plain(
    stored: StoredStudy, rows: dict[str, DeltaRow], decimals: int
) -> list[str]:
    plain = stored.plain
    if plain is None or not math.isfinite(rows[plain].mean):
        return []
    if plain == stored.best:
        return ["It is the network without regularization: no technique helped."]
    row = rows[plain]
    interval = row.interval_text(decimals)
    return [
        f"The same network without regularization has Δm "
        f"{percent(row.mean, decimals, signed=True)}"
        + (f" {interval}." if interval else ".")
    ]


def _against_any_model(stored: StoredStudy, best: str, decimals: int) -> list[str]:
    delta = stored.summary.delta_m_any_model.get(best)
    if delta is None or delta.mean is None:
        return []
    size = percent(abs(delta.mean), decimals)
    side = "better" if delta.mean >= 0 else "worse"
    sure = ""
    if delta.low is not None and delta.high is not None:
        low, high = (percent(v, decimals, signed=True) for v in (delta.low, delta.high))
        sure = f" (95% interval over {stored.unit}s {low} to {high})"
    rivals = stored.summary.strongest_model
    names = dict.fromkeys(
        BASELINES[rival.variant] if rival.model == BASELINE else "a single-task network"
        for rival in rivals.values()
    )
    return [
        f"Against the strongest single-task model of any kind ({', '.join(names)}), "
        f"chosen on validation data, it is {size} {side}{sure}."
    ]


def _cost(stored: StoredStudy, best: str) -> list[str]:
    size = stored.run_statistic("parameters", MULTI_TASK, best).mean
    if not math.isfinite(size):
        return []
    parts = [f"It costs {count(size)} parameters"]
    separate = _single_task_parameters(stored)
    if math.isfinite(separate):
        parts.append(
            f"({count(separate)} in the {len(stored.tasks)} single-task networks "
            "together)"
        )
    ratio = _seconds_ratio(stored, best)
    if math.isfinite(ratio) and best != stored.plain:
        parts.append(
            f"and {number(ratio, 2)} times the training time of the plain network"
        )
    return [" ".join(parts) + "."]


def _figures(
    stored: StoredStudy, best: str, rows: dict[str, DeltaRow], decimals: int
) -> list[Figure]:
    row = rows[best]
    figures = [
        Figure(
            "Δm of the best variant",
            percent(row.mean, decimals, signed=True),
            row.interval_text(decimals) or "no interval",
        )
    ]
    plain = stored.plain
    if plain is not None and plain != best:
        figures.append(
            Figure(
                "Δm without regularization",
                percent(rows[plain].mean, decimals, signed=True),
                rows[plain].interval_text(decimals) or "no interval",
            )
        )
    separate = _single_task_parameters(stored)
    figures.append(
        Figure(
            "Parameters",
            count(stored.run_statistic("parameters", MULTI_TASK, best).mean),
            f"{count(separate)} in {plural(len(stored.tasks), 'single-task network')}"
            if math.isfinite(separate)
            else "",
        )
    )
    # Seconds would tell of the machine; they stand in a table further down.
    ratio = _seconds_ratio(stored, best)
    if math.isfinite(ratio) and best != plain:
        figures.append(
            Figure(
                "Training time", f"{number(ratio, 2)} ×", "that of the plain network"
            )
        )
    return figures


def _seconds_ratio(stored: StoredStudy, best: str) -> float:
    if stored.plain is None:
        return math.nan
    own = stored.run_statistic("seconds", MULTI_TASK, best).mean
    plain = stored.run_statistic("seconds", MULTI_TASK, stored.plain).mean
    return own / plain if plain > 0 else math.nan


def _single_task_parameters(stored: StoredStudy) -> float:
    """Parameters of the strongest single-task networks, all tasks together."""
    baseline = stored.summary.baseline
    if not all(task.name in baseline for task in stored.tasks):
        return math.nan
    return sum(
        stored.run_statistic(
            "parameters", SINGLE_TASK, baseline[task.name].variant, task.name
        ).mean
        for task in stored.tasks
    )
