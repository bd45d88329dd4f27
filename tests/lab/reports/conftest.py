"""A synthetic study, written once, and its page."""

import pytest

from polytask.lab.reports import write_report
from tests.helpers.parsed_page import ParsedPage
from tests.helpers.synthetic_study import SyntheticStudy


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory):
    """8 variants, 5 seeds, 3 tasks; not to be changed by a test."""
    return SyntheticStudy().write(tmp_path_factory.mktemp("reports") / "study")


@pytest.fixture(scope="session")
def page(study_folder):
    return ParsedPage.read(write_report(study_folder))
