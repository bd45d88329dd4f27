"""A small bar beside a number in a table."""

import math

from markupsafe import Markup

from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.scale import Scale


def bar(value: float, low: float, high: float) -> Markup:
    """Return a bar from zero to `value`; decoration, as the number stands beside it.

    Args:
        value: Its length; NaN draws nothing.
        low: Smallest value of the column, at most 0.
        high: Largest value of the column, at least 0.

    Returns:
        The drawing, hidden from screen readers.
    """
    if not math.isfinite(value) or low == high:
        return Markup("")
    scale = Scale(min(low, 0.0), max(high, 0.0), 0.0, 100.0)
    start, end = sorted((scale(0.0), scale(value)))
    return svg.element(
        "svg",
        svg.element("rect", x=start, y=0, width=end - start, height=6),
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        class_="bar",
        aria_hidden="true",
        focusable="false",
    )
