"""A synthetic study on disk, and its page."""

import json
from pathlib import Path

from polytask.lab.reports import write_report
from tests.helpers.parsed_page import ParsedPage
from tests.helpers.synthetic_study import SyntheticStudy


def make(folder: Path, **changes) -> Path:
    return SyntheticStudy(**changes).write(folder)


def page_of(folder: Path) -> ParsedPage:
    return ParsedPage.read(write_report(folder))


def change_json(path: Path, **changes) -> None:
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**content, **changes}), encoding="utf-8")
