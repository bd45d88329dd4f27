"""A stored study in, one self-contained HTML page out; nothing is trained here."""

from polytask.lab.reports.write_fit_report import write_fit_report
from polytask.lab.reports.write_report import write_report

__all__ = ["write_fit_report", "write_report"]
