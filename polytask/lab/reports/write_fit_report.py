"""The page of one fitted model."""

from pathlib import Path

from polytask.lab.reports.balancing_section import balancing_section
from polytask.lab.reports.data_section import data_section
from polytask.lab.reports.fit_section import fit_section
from polytask.lab.reports.learning_section import learning_section
from polytask.lab.reports.settings_section import settings_section
from polytask.lab.reports.sparsity_section import sparsity_section
from polytask.lab.reports.stored_study import StoredStudy
from polytask.lab.reports.unavailable import unavailable
from polytask.lab.reports.write_page import write_page


def write_fit_report(folder: str | Path) -> Path:
    """Write `report.html` for the folder of one fitted model; trains nothing.

    Args:
        folder: The folder that `polytask fit` wrote. It has the files of a study
            with one variant and no single-task runs.

    Returns:
        The path of the page.

    Raises:
        UserError: If the folder or one of its files is missing or damaged.

    Example:
        >>> write_fit_report("runs/nothing-here")
        Traceback (most recent call last):
            ...
        polytask.errors.UserError: There is no study folder runs/nothing-here.
    """
    stored = StoredStudy.read(folder)
    return write_page(
        stored.folder,
        "fit.html",
        title=stored.title,
        notes=stored.study.notes,
        fit=fit_section(stored),
        unavailable=unavailable(stored),
        learning=learning_section(stored, list(stored.variants)[:1]),
        balancing=balancing_section(stored),
        sparsity=sparsity_section(stored),
        data=data_section(stored),
        settings=settings_section(stored),
        seeds=len(stored.seeds),
    )
