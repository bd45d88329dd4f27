"""A stored study in, one self-contained HTML page out; nothing is trained here."""

from polytask.reports.page import Page
from polytask.reports.write_fit_report import write_fit_report
from polytask.reports.write_report import write_report

__all__ = ["Page", "write_fit_report", "write_report"]
