"""Values of the charts, by pointer and keyboard, in a page without scripts."""

import numpy as np
import pandas as pd

from polytask.lab.reports.charts.cosine_matrix import cosine_matrix
from polytask.lab.reports.charts.delta_chart import DeltaRow, delta_chart
from polytask.lab.reports.charts.epoch_chart import epoch_chart
from polytask.lab.reports.charts.learning_chart import Curves, learning_chart
from polytask.lab.reports.charts.marks import MOST_COLUMNS, columns
from polytask.lab.reports.charts.pairs_chart import pairs_chart
from polytask.lab.reports.charts.path_chart import LARGE, Axis, Curve, path_chart
from polytask.lab.reports.charts.point_chart import Point, point_chart
from polytask.lab.reports.charts.reliability_chart import reliability_chart
from tests.helpers.parsed_page import ParsedPage


def told(drawing):
    """The texts beside the radio buttons, in the order of the arrow keys."""
    page = ParsedPage(str(drawing))
    assert page.unbalanced == []
    return [text for where, text in page.texts if where[-2:] == ("label", "span")]


def by_epoch(*values):
    return pd.Series(values, index=range(1, len(values) + 1))


def test_every_drawing_of_a_study_tells_its_values(page):
    drawings = [d for d in page.named("svg") if d.get("aria-hidden") != "true"]
    groups = [d for d in page.named("div") if d.get("role") == "radiogroup"]
    names = {button["name"] for button in page.named("input")}
    assert len(groups) == len(drawings) == len(names)
    assert {button["type"] for button in page.named("input")} == {"radio"}


def test_learning_curves_tell_both_splits_by_epoch():
    table = {"train": [0.5, 0.25], "validation": [0.5, 0.375]}
    by_split = {s: by_epoch(*v).to_frame(0) for s, v in table.items()}
    curves = Curves(by_split, {0: 2}, "L1", "income", "loss")
    texts = told(learning_chart(curves, curves.values, 2))
    assert texts[1] == "epoch 2\ntrain 0.250\nval. 0.375"


def test_no_epoch_that_a_seed_did_not_reach_tells_the_mean_of_the_others():
    table = pd.DataFrame({0: by_epoch(0.5, 0.25), 1: by_epoch(0.75)})
    curves = Curves({"validation": table}, {0: 2, 1: 1}, "L1", "income", "loss")
    texts = told(learning_chart(curves, curves.values, 2))
    assert texts == ["epoch 1\nval. 0.625"]


def test_curves_by_epoch_tell_every_name_or_the_extremes_of_many():
    few = {"a": by_epoch(1.0, 2.0), "b": by_epoch(3.0)}
    assert told(epoch_chart(few, "weights", "L1"))[1] == "epoch 2\na 2.00"
    many = {f"task {i}": by_epoch(float(i)) for i in range(9)}
    (text,) = told(epoch_chart(many, "weights", "L1"))
    assert text.splitlines()[1:] == ["task 8 8.00", "task 0 0.00"]


def test_a_path_tells_the_named_curves_at_each_strength():
    axis = Axis("l1", [0.01, 0.1], True, 0.1)
    curves = [
        Curve("", np.array([1.0, 2.0])),
        Curve("age", np.array([10.0, 0.0]), np.array([0.5, 0.0])),
    ]
    texts = told(path_chart(axis, curves, "norm", LARGE[:1]))
    assert texts == ["l1 0.01\nage 10.00 ± 0.5", "l1 0.1\nage 0.00 ± 0"]


def test_the_axis_of_a_path_begins_at_zero_where_a_curve_may_reach_it():
    axis, curves = Axis("l1", [0.01, 0.1], True, 0.1), [Curve("a", np.array([9.0, 8]))]
    ticks = [
        [text for where, text in ParsedPage(str(drawing)).texts if where[-1] == "text"]
        for drawing in (
            path_chart(axis, curves, "norm", LARGE[:1]),
            path_chart(axis, curves, "norm", LARGE[:1], holds=(0.0,)),
        )
    ]
    assert ["0" in texts for texts in ticks] == [False, True]


def test_points_rows_and_cells_tell_their_values():
    drawing = point_chart([Point(0.5, 2.0, "best", "trial 3")], [], "x", "y", "front")
    assert told(drawing) == ["trial 3\nx 0.5000\ny 2.0000"]
    assert told(pairs_chart([(1.0, 1.5), (0.0, 0.25)], "score")) == [
        "label 0.00\npredicted 0.25",
        "label 1.00\npredicted 1.50",
    ]
    bins = pd.DataFrame({"predicted": [0.25], "observed": [0.5]})
    drawing = reliability_chart({"L1 <b>": bins}, "sick")
    assert told(drawing) == ["L1 <b>\npredicted 25.0%\nobserved 50.0%"]
    cells = told(cosine_matrix(np.array([[1, -0.5], [-0.5, 1]]), ["a", "b"], "Nash"))
    assert cells[1] == "a, b\ncosine \N{MINUS SIGN}0.50"
    rows = [DeltaRow("Dropout", 1.0, 0.5, 1.5, (0.75, 1.25))]
    wide, narrow = told(delta_chart(rows, 2, "zero"))
    assert wide == narrow == "Dropout\nΔm +1.00% [+0.50, +1.50]\neach: +0.75, +1.25"


def test_a_long_curve_tells_some_of_its_values_and_the_last():
    places = [(float(i), [str(i)]) for i in range(1000)]
    marks = columns(places, 0.0, 1.0)
    assert len(marks) <= MOST_COLUMNS
    assert marks[-1].lines == ["999"]
    (alone,) = columns(places[:1], 0.0, 1.0)
    assert alone.width > 0
