"""Which metrics could not be computed, and why: nothing is left out silently."""

from polytask.lab.reports.metric import Metric
from polytask.lab.reports.numerals import plural
from polytask.lab.reports.stored_study import StoredStudy


def unavailable(stored: StoredStudy) -> list[str]:
    """Return a sentence for each metric that the summary lists as missing."""
    return [
        f"{Metric.named(entry['metric']).label} of task {entry['task']} on "
        f"{entry['split']} rows, {plural(entry['runs'], 'run')}: {entry['reason']}."
        for entry in (stored.summary or {}).get("missing") or ()
    ]
