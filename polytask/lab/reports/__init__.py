"""A stored study in, one self-contained HTML page out; nothing is trained here."""

from polytask.lab.reports.pages import (
    write_fit_report,
    write_report,
    write_search_report,
)
from polytask.lab.reports.path_page import write_path_report

__all__ = [
    "write_fit_report",
    "write_path_report",
    "write_report",
    "write_search_report",
]
