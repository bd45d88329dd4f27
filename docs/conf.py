"""How Sphinx builds the site: `sphinx-build -W docs site`."""

import os
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import reference_pages

import polytask

project = "polytask"
author = "The polytask developers"
project_copyright = author
release = polytask.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["tutorials"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# Keras's own classes are the bases of ours; their methods are documented by Keras.
autodoc_default_options = {
    "members": True,
    "inherited-members": False,
    # scikit-learn writes these into every estimator.
    "exclude-members": "set_fit_request, set_predict_request, set_score_request",
}
autodoc_typehints = "none"
autosummary_generate = True
autosummary_ignore_module_all = False
default_role = "code"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
copybutton_prompt_text = "$ "

html_theme = "furo"
html_title = f"polytask {release}"
html_theme_options = {
    "sidebar_hide_name": False,
    "light_css_variables": {"color-brand-primary": "#1b5e94"},
}

reference_pages.write(FOLDER / "reference" / "generated")


def setup(app: Any) -> None:
    """Adapt what was written for readers of the repository."""
    app.connect("autodoc-process-docstring", _escape_bars)
    app.connect("source-read", _without_links_out)
    app.connect("include-read", _without_links_out_of_an_include)


def _escape_bars(
    app: Any, what: Any, name: Any, obj: Any, options: Any, lines: list
) -> None:
    """Take |x| for an absolute value, not for a substitution."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def _without_links_out(app: Any, document: str, source: list[str]) -> None:
    source[0] = _unlinked(source[0], (FOLDER / document).parent)


def _without_links_out_of_an_include(
    app: Any, file: Path, document: str, source: list[str]
) -> None:
    source[0] = _unlinked(source[0], FOLDER)


def _unlinked(text: str, folder: Path) -> str:
    """Return Markdown without the links to files that are no part of the site."""

    def plain(match: re.Match[str]) -> str:
        target = match["target"].partition("#")[0]
        file = (folder / target).resolve()
        inside = file.exists() and file.is_relative_to(FOLDER)
        known = "://" in target or not target or match[0].startswith("!")
        return match[0] if known or inside else match["text"]

    return re.sub(r"!?\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)", plain, text)
