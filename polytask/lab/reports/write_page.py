"""From a template and its contents to a file that is either whole or not there."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from polytask._atomic import write_atomically

_NAME = "report.html"


def write_page(folder: Path, template: str, **contents: Any) -> Path:
    """Render `template` and put it into `folder` as `report.html`.

    Args:
        folder: An existing folder.
        template: File name among the package's assets.
        **contents: The variables of the template; text is escaped.

    Returns:
        The path of the page.
    """
    html = _environment().get_template(template).render(**contents)
    page = folder / _NAME
    # A name may hold a lone surrogate, which UTF-8 cannot; HTML can write it.
    write_atomically(page, html.encode("utf-8", errors="xmlcharrefreplace"))
    return page


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("polytask.lab.reports", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["style_sheet"] = _style_sheet
    return environment


def _style_sheet() -> Markup:
    return Markup((Path(__file__).parent / "assets" / "style.css").read_text("utf-8"))
