"""Which metrics could not be computed, and why: nothing is left out silently."""

from polytask.lab.reports.metric import Metric
from polytask.lab.reports.numerals import plural
from polytask.lab.reports.stored_study import StoredStudy


def unavailable(stored: StoredStudy) -> list[str]:
    """Return a sentence for each metric that the summary lists as missing."""
    return [
        f"{Metric.named(one.metric).label} of task {one.task} on {one.split} rows, "
        f"{plural(one.runs, 'run')}: {one.reason}."
        for one in stored.summary.missing
    ]
