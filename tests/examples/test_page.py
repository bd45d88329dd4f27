"""Pages put together by hand."""

import pandas as pd
import pytest

from examples.page import Page
from polytask.errors import UserError
from polytask.lab.reports.charts.epoch_chart import epoch_chart
from tests.helpers.parsed_page import ParsedPage


def test_a_page_shows_its_parts_in_order_and_is_well_formed(tmp_path):
    page = Page("Faces", lead="L2 helps by 2 %.", kind="Example")
    page.section("Results")
    page.text("Three seeds <each>.")
    page.table(["network", "IoU"], [["plain", 0.7], ["L2", 0.8]], "Boxes", best=1)
    page.section("Method")
    page.items(["one", "two"])
    page.pairs({"seeds": 3})
    page.code("python faces.py")
    parsed = ParsedPage.read(page.write(tmp_path / "new"))
    assert not parsed.unbalanced
    assert parsed.table("Boxes").row("L2") == ["L2", "0.8"]
    assert parsed.words_in("strong") == "L2 0.8"
    order = ["L2 helps", "Three seeds <each>.", "Boxes", "two", "python faces.py"]
    places = [parsed.text.index(words) for words in order]
    assert places == sorted(places)


def test_pictures_are_embedded_and_described(tmp_path):
    page = Page("Pictures")
    page.section("All")
    page.figure("<svg xmlns='http://www.w3.org/2000/svg'/>", "A drawing")
    page.figure(b"\x89PNG\r\n\x1a\n", "A photograph", alt="Four faces")
    parsed = ParsedPage.read(page.write(tmp_path))
    sources = [image["src"] for image in parsed.named("img")]
    assert sources[0].startswith("data:image/svg+xml;base64,")
    assert sources[1].startswith("data:image/png;base64,")
    assert [i["alt"] for i in parsed.named("img")] == ["A drawing", "Four faces"]


def test_charts_stand_side_by_side_and_tell_their_values(tmp_path):
    page = Page("Charts")
    page.section("All")
    curve = pd.Series([0.0, 1.0], index=[1, 2])
    chart = epoch_chart({"a": curve, "b": -curve}, "return", "one", unit="update")
    page.panels({"First <task>": chart, "Second": chart}, "Returns by update")
    parsed = ParsedPage.read(page.write(tmp_path))
    assert not parsed.unbalanced
    assert len(parsed.named("svg")) == 2
    for words in ("First <task>", "Returns by update", "update 2"):
        assert words in parsed.text
    assert "epoch" not in parsed.text


def test_wrong_use_is_refused(tmp_path):
    page = Page("Empty")
    with pytest.raises(UserError, match="Begin a section"):
        page.text("too early")
    page.section("One")
    with pytest.raises(UserError, match="3 cells and the header 2"):
        page.table(["a", "b"], [[1, 2, 3]])
    with pytest.raises(UserError, match="found int"):
        page.figure(5)
