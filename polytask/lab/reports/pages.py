"""The pages: of a whole study, of a search, and of one fitted model."""

from pathlib import Path

from polytask.errors import plural
from polytask.lab.reports.balancing_section import balancing_section
from polytask.lab.reports.data_section import data_section
from polytask.lab.reports.delta_section import delta_section
from polytask.lab.reports.diagnostics_section import diagnostics_section
from polytask.lab.reports.fit_section import fit_section
from polytask.lab.reports.gap_section import gap_section
from polytask.lab.reports.headline import headline
from polytask.lab.reports.learning_section import learning_section, other_curves
from polytask.lab.reports.metric import Metric
from polytask.lab.reports.reliability_section import reliability_section
from polytask.lab.reports.results_section import results_section
from polytask.lab.reports.search_section import search_section
from polytask.lab.reports.settings_section import settings_section, unfinished
from polytask.lab.reports.sparsity_section import sparsity_section
from polytask.lab.reports.stored_study import StoredStudy
from polytask.lab.reports.write_page import write_page
from polytask.lab.studies.search.result import stored_search


def write_report(folder: str | Path) -> Path:
    """Write `report.html` from the stored results of a study; trains nothing.

    The page needs no network and no script. An existing page is replaced as a whole.

    Args:
        folder: The study folder, as `polytask compare` writes it.

    Returns:
        The path of the page.

    Raises:
        UserError: If the folder or one of its files is missing or damaged.

    Example:
        >>> write_report("runs/nothing-here")
        Traceback (most recent call last):
            ...
        polytask.errors.UserError: There is no study folder runs/nothing-here.
    """
    stored = StoredStudy.read(folder)
    return write_page(
        stored.folder,
        "study.html",
        title=stored.title,
        own=stored.study.kind == "experiment",
        against=stored.against,
        unfinished=unfinished(stored),
        notes=stored.study.notes,
        headline=headline(stored),
        delta=delta_section(stored),
        results=results_section(stored),
        unavailable=_unavailable(stored),
        gaps=gap_section(stored),
        learning=learning_section(stored, _compared(stored)),
        more_curves=other_curves(stored, _compared(stored)),
        reliability=reliability_section(stored, _compared(stored)[::-1]),
        unit=stored.unit,
        margin=f"{stored.study.margin:g}",
        test_ratio=stored.study.test_ratio,
        balancing=balancing_section(stored),
        sparsity=sparsity_section(stored),
        data=data_section(stored),
        settings=settings_section(stored),
        seeds=len(stored.seeds),
    )


def _compared(stored: StoredStudy) -> list[str]:
    """The variants whose curves are shown: the plain one beside the best."""
    names = [stored.plain, stored.best]
    chosen = [name for name in dict.fromkeys(names) if name is not None]
    return chosen or stored.ranking[:1]


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
        diagnostics=diagnostics_section(stored),
        unavailable=_unavailable(stored),
        learning=learning_section(stored, list(stored.variants)[:1]),
        balancing=balancing_section(stored),
        sparsity=sparsity_section(stored),
        data=data_section(stored),
        settings=settings_section(stored),
        unit=stored.unit,
        seeds=len(stored.seeds),
    )


def write_search_report(folder: str | Path) -> Path:
    """Write `report.html` for the folder of a search; trains nothing.

    Args:
        folder: The folder that `polytask search` wrote.

    Returns:
        The path of the page.

    Raises:
        UserError: If the folder or one of its files is missing or damaged, or the
            search is not finished.

    Example:
        >>> write_search_report("runs/nothing-here")
        Traceback (most recent call last):
            ...
        polytask.errors.UserError: There is no study folder runs/nothing-here.
    """
    stored = StoredStudy.read(folder)
    return write_page(
        stored.folder,
        "search.html",
        title=stored.title,
        unfinished=unfinished(stored),
        notes=stored.study.notes,
        search=search_section(stored, stored_search(stored.folder)),
        delta=delta_section(stored),
        results=results_section(stored),
        unavailable=_unavailable(stored),
        data=data_section(stored),
        settings=settings_section(stored),
        seeds=len(stored.seeds),
    )


def _unavailable(stored: StoredStudy) -> list[str]:
    """Return a sentence for each metric that the summary lists as missing."""
    return [
        f"{Metric.named(one.metric).label} of task {one.task} on {one.split} rows, "
        f"{plural(one.runs, 'run')}: {one.reason}."
        for one in stored.summary.missing
    ]
