"""The page on regularizers is what its command makes of the stored results."""

from pathlib import Path

import pytest

from tests.helpers.program_modules import modules_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def regularizers():
    """The modules of the command can be imported."""
    with modules_of("benchmarks/regularizers"):
        yield


def test_the_page_is_the_one_that_its_command_writes(tmp_path, monkeypatch):
    import compact_section
    import render

    monkeypatch.setattr(render, "PAGE", tmp_path / "regularizers.md")
    monkeypatch.setattr(compact_section, "FILE", tmp_path / "regularizers-compact.svg")
    render.render()
    written = sorted(tmp_path.iterdir())
    assert len(written) == 2
    docs = ROOT / "docs"
    for file in written:
        stored = (docs if file.suffix == ".md" else docs / "images") / file.name
        assert file.read_text("utf-8") == stored.read_text("utf-8"), file.name
