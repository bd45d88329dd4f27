import math

import pytest

from polytask.lab.reports.charts.path_chart import Axis
from polytask.lab.reports.charts.scale import Scale


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0], [], [math.nan], [-3.0]])
def test_a_scale_of_one_value_or_none_has_an_extent(values):
    scale = Scale.around(values, 0.0, 100.0)
    assert scale.high > scale.low
    assert scale.ticks()


def test_infinite_values_do_not_stretch_a_scale():
    scale = Scale.around([0.0, 1.0, math.inf], 0.0, 100.0, padding=0.0)
    assert (scale.low, scale.high) == (0.0, 1.0)


@pytest.mark.parametrize("size", [1e-8, 1e-3, 1.0, 7.3, 1e6])
def test_ticks_are_round_inside_and_few(size):
    scale = Scale.around([-0.4 * size, size], 0.0, 100.0)
    ticks = scale.ticks(5)
    assert 2 <= len(ticks) <= 6
    assert all(scale.low <= tick <= scale.high for tick in ticks)
    shown = [f"{tick:.{scale.tick_decimals(5)}f}" for tick in ticks]
    assert len(set(shown)) == len(ticks)
    assert [float(text) for text in shown] == pytest.approx(ticks)


def test_a_reversed_range_turns_the_axis():
    scale = Scale(0.0, 1.0, 100.0, 0.0)
    assert scale(0.25) == 75.0


@pytest.mark.parametrize(
    ("strengths", "shown"),
    [
        ([0.002, 0.004, 0.008], ["0.002", "0.008"]),
        ([0.02, 0.2], ["0.02", "0.2"]),
        ([1e-4, 1e-2], ["1e-4", "1e-3", "1e-2"]),
    ],
)
def test_a_logarithmic_axis_tells_its_range_however_short(strengths, shown):
    axis = Axis("l1", strengths, True, strengths[0])
    scale = Scale(axis.place(strengths[0]), axis.place(strengths[-1]), 0.0, 100.0)
    places, texts = zip(*axis.ticks(scale, 5), strict=True)
    assert list(texts) == shown
    assert min(places) >= 0
    assert max(places) <= 100
