"""One panel of learning curves: training against validation, by epoch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from polytask.lab.reports.charts import svg
from polytask.lab.reports.charts.marks import Mark, columns
from polytask.lab.reports.charts.scale import Scale
from polytask.lab.reports.numerals import number

WIDTH, HEIGHT = 260.0, 196.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 44.0, 12.0, 28.0
_SPLITS = {"train": "train", "validation": "val."}
_LABEL_DISTANCE = 17.0


@dataclass(frozen=True)
class Curves:
    """The curves of one task, variant and metric.

    Args:
        by_split: Split → table with a row per epoch and a column per seed.
        selected: Seed → the epoch that was kept.
        variant: Title of the variant.
        task: Name of the task.
        metric: Label of the metric.
    """

    by_split: dict[str, pd.DataFrame]
    selected: dict[int, int]
    variant: str
    task: str
    metric: str

    @property
    def values(self) -> list[float]:
        """Every value of every seed."""
        return [float(v) for t in self.by_split.values() for v in t.to_numpy().ravel()]

    @property
    def epochs(self) -> int:
        """The last epoch of the longest run."""
        return max((int(t.index.max()) for t in self.by_split.values()), default=1)

    def mean(self, split: str) -> pd.Series:
        """Return the mean over seeds, as far as every seed ran."""
        table = self.by_split[split]
        return table.dropna().mean(axis=1)


def learning_chart(curves: Curves, values: list[float], epochs: int) -> Markup:
    """Return the panel.

    Args:
        curves: What is drawn.
        values: The values that the vertical axis has to hold, so that panels side by
            side share it.
        epochs: The last epoch of the horizontal axis.

    Returns:
        The drawing.
    """
    parts, x, y = frame(values, epochs)
    for split in _SPLITS:
        if split in curves.by_split:
            parts += _split_lines(curves, split, x, y)
    parts += _selected(curves, x, y)
    parts += _labels(curves, x, y)
    return svg.figure(
        *parts,
        width=WIDTH,
        height=HEIGHT,
        title=f"{curves.metric} by epoch, task {curves.task}, {curves.variant}",
        desc=_description(curves),
        class_="chart panel",
        marks=_marks(curves, x, y),
    )


def frame(
    values: list[float], epochs: int, right: float = _RIGHT, unit: str = "epoch"
) -> tuple[list[Markup], Scale, Scale]:
    """Return axes with epochs from left to right, and their two scales.

    Args:
        values: What the vertical axis has to hold.
        epochs: The last epoch.
        right: Room on the right, for names.
        unit: What goes from left to right.

    Returns:
        The drawing, the horizontal and the vertical scale.
    """
    end = WIDTH - right
    x = Scale(1.0, max(epochs, 2), _LEFT, end)
    y = Scale.around(values, HEIGHT - _BOTTOM, _TOP)
    parts = []
    decimals = y.tick_decimals(4)
    for tick in y.ticks(4):
        at = y(tick)
        parts.append(svg.element("line", x1=_LEFT, x2=end, y1=at, y2=at, class_="grid"))
        text = number(tick, decimals)
        parts.append(svg.label(text, _LEFT - 6, at + 4, class_="tick", anchor="end"))
    floor = HEIGHT - _BOTTOM
    parts.append(
        svg.element("line", x1=_LEFT, x2=end, y1=floor, y2=floor, class_="axis")
    )
    bottom = HEIGHT - 8
    parts.append(svg.label(f"{unit} 1", _LEFT - 2, bottom, class_="tick"))
    if epochs > 1:
        last = str(epochs)
        parts.append(svg.label(last, x(epochs), bottom, class_="tick", anchor="middle"))
    return parts, x, y


def _split_lines(curves: Curves, split: str, x: Scale, y: Scale) -> list[Markup]:
    table = curves.by_split[split]
    parts = []
    if table.shape[1] > 1:
        for seed in table.columns:
            line = points(table[seed], x, y)
            parts.append(svg.path(line, class_=f"curve seed {split}"))
    parts.append(svg.path(points(curves.mean(split), x, y), f"curve mean {split}"))
    return parts


def _selected(curves: Curves, x: Scale, y: Scale) -> list[Markup]:
    table = curves.by_split.get("validation")
    if table is None:
        return []
    parts = []
    for seed, epoch in curves.selected.items():
        if seed in table.columns and epoch in table.index:
            value = float(table.loc[epoch, seed])
            if math.isfinite(value):
                parts.append(
                    svg.element(
                        "circle", cx=x(epoch), cy=y(value), r=3.0, class_="selected"
                    )
                )
    return parts


def _labels(curves: Curves, x: Scale, y: Scale) -> list[Markup]:
    ends = []
    for split, text in _SPLITS.items():
        if split in curves.by_split:
            last = curves.by_split[split].ffill().iloc[-1].mean()
            if math.isfinite(last):
                ends.append((y(float(last)), split, text))
    ends.sort()
    if len(ends) == 2 and ends[1][0] - ends[0][0] < _LABEL_DISTANCE:
        middle = (ends[0][0] + ends[1][0]) / 2
        ends = [
            (middle + side * _LABEL_DISTANCE / 2, split, text)
            for side, (_, split, text) in zip((-1, 1), ends, strict=True)
        ]
    at = x(curves.epochs) + 5
    return [
        svg.label(text, at, position + 4, class_=f"end {split}")
        for position, split, text in ends
    ]


def epoch_marks(
    values: Mapping[int, Sequence[tuple[str, float]]],
    x: Scale,
    y: Scale,
    unit: str = "epoch",
) -> list[Mark]:
    """Return a mark for each epoch.

    Args:
        values: Epoch → names and what is told of them.
        x: Of the panel.
        y: Of the panel.
        unit: What goes from left to right.
    """
    decimals = y.tick_decimals(4) + 2
    places = [
        (
            x(float(epoch)),
            [f"{unit} {epoch}", *(f"{n} {number(v, decimals)}" for n, v in told)],
        )
        for epoch, told in values.items()
    ]
    return columns(places, _TOP, HEIGHT - _BOTTOM)


def _marks(curves: Curves, x: Scale, y: Scale) -> list[Mark]:
    means = {
        text: curves.mean(split)
        for split, text in _SPLITS.items()
        if split in curves.by_split
    }
    epochs = sorted({int(epoch) for mean in means.values() for epoch in mean.index})
    told = {
        epoch: [
            (text, float(mean[epoch])) for text, mean in means.items() if epoch in mean
        ]
        for epoch in epochs
    }
    return epoch_marks(told, x, y)


def points(series: pd.Series, x: Scale, y: Scale) -> list[tuple[float, float]]:
    """Return where the finite values of a series by epoch lie."""
    return [
        (x(float(epoch)), y(float(value)))
        for epoch, value in zip(series.index, series.to_numpy(float), strict=True)
        if np.isfinite(value)
    ]


def _description(curves: Curves) -> str:
    sentences = []
    for split in _SPLITS:
        if split not in curves.by_split:
            continue
        mean = curves.mean(split)
        if not len(mean):
            continue
        first, last = number(float(mean.iloc[0]), 3), number(float(mean.iloc[-1]), 3)
        sentences.append(
            f"{split} goes from {first} in epoch {mean.index[0]} to {last} in epoch "
            f"{mean.index[-1]}"
        )
    text = "; ".join(sentences) + "." if sentences else "No values."
    if curves.selected:
        epochs = ", ".join(str(epoch) for epoch in curves.selected.values())
        text += f" Selected epochs: {epochs}."
    return text
