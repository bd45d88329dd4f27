"""What the pages show runs, parses and exists."""

import importlib
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest

import polytask
import polytask_cli
from polytask.lab.studies import Study

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md"), *DOCS.glob("guides/*.md")])
# These show lines out of their place, such as one layer of a network.
FRAGMENTS = {"regularizers.md"}
RUN = [
    page
    for page in PAGES
    if page.name not in FRAGMENTS and "```python" in page.read_text("utf-8")
]


def blocks(page, *languages):
    text = page.read_text("utf-8")
    pattern = rf"^```(?:{'|'.join(languages)})\n(.*?)^```"
    return re.findall(pattern, text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def names():
    """What a reader of a page with fragments is told to have."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 20)).astype("float32")
    return {
        "keras": keras,
        "polytask": polytask,
        "x": x,
        "y": {"click": (x[:, 0] > 0).astype("float32"), "rating": x[:, 1]},
    }


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs_from_top_to_bottom(
    page, names, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_is_one_that_the_parser_takes(page):
    parser = polytask_cli.parser()
    for block in blocks(page, "shell", "bash"):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            for command in re.findall(r"(?:^|&& |bin/)polytask (.+?)(?:$|&&)", line):
                words = shlex.split(command, comments=True)
                assert parser.parse_args(words).verb == words[0]


VARIANT = "[variants.dropout]\ndropout_trunk = 0.3\n"
STUDIES = [page for page in PAGES if blocks(page, "toml")]


@pytest.mark.parametrize("page", STUDIES, ids=lambda page: page.stem)
def test_every_study_file_of_a_page_can_be_read(page, tmp_path):
    path = tmp_path / "study.toml"
    for block in blocks(page, "toml"):
        # A part of a file stands for itself, on bundled data.
        rest = {"data": '[data]\nname = "digits"\n', "variants": VARIANT}
        missing = [text for key, text in rest.items() if f"[{key}" not in block]
        path.write_text("\n".join([block, *missing]), "utf-8")
        assert Study.load(path).variants


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_name_of_the_package_on_a_page_exists(page):
    text = page.read_text("utf-8")
    for path in sorted(set(re.findall(r"\bpolytask(?:\.[A-Za-z_]\w*)+", text))):
        # Names of files, such as those of an archive, are no names of the package.
        if path.endswith((".toml", ".html", ".rst")) or ".native." in path:
            continue
        value, parts = polytask, path.split(".")[1:]
        for depth, part in enumerate(parts, start=1):
            if not hasattr(value, part):
                importlib.import_module(".".join(["polytask", *parts[:depth]]))
            value = getattr(value, part)
