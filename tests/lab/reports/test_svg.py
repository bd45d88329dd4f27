from polytask.lab.reports.charts import svg


def test_text_and_attributes_are_escaped():
    drawn = svg.element("text", "<b>&", class_='"><script>')
    assert "<b>" not in drawn
    assert "<script>" not in drawn


def test_markup_is_not_escaped_twice():
    inner = svg.element("title", "a & b")
    assert svg.element("g", inner) == "<g><title>a &amp; b</title></g>"


def test_a_cut_text_keeps_the_whole_as_a_hint():
    drawn = svg.label("a long name indeed", 0, 0, room=40)
    assert "…" in drawn
    assert "<title>a long name indeed</title>" in drawn


def test_numbers_keep_two_decimals():
    assert svg.element("line", x1=1 / 3, x2=2.0) == '<line x1="0.33" x2="2"></line>'


def test_one_word_that_is_too_long_is_cut_on_one_line():
    assert len(svg.wrapped("x" * 100, 130, 13)) == 1
