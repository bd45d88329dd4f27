"""The three questions: a picture and an answer from the stored results."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import results
from chart import Series, chart
from effects import gains

from polytask.lab.metrics import seed_interval

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def answers() -> str:
    """Write the pictures and return the section of the page."""
    stored = results.read("questions")
    rows, edges = stored["rows"], stored["about"]["edges"]
    parts = [_l1_and_l2(rows, edges), _dropout(rows), _batch_norm(rows)]
    return "\n\n".join(parts)


def _l1_and_l2(rows: dict[str, Any], edges: list[float]) -> str:
    lambdas = sorted({float(name.split()[1]) for name in rows if name[:2] == "l1"})
    series = [
        Series(
            kind.upper(),
            [
                (s, *_interval(100 * r["zeros"] for r in rows[f"{kind} {s:g}"]))
                for s in lambdas
            ],
        )
        for kind in ("l1", "l2")
    ]
    _write(
        "regularizers-l1-l2-zeros",
        chart(
            "L1 and L2 against their strength (digits)",
            "λ",
            "weights that are exactly zero, percent (mean of 3 seeds, 95 % interval)",
            series,
            log_x=True,
        ),
    )
    middle = lambdas[len(lambdas) // 2]
    widths = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    histograms = []
    for kind in ("l1", "l2"):
        counts = np.mean([r["histogram"] for r in rows[f"{kind} {middle:g}"]], axis=0)
        points = [
            (10.0**x, *[float(c)] * 3) for x, c in zip(widths, counts, strict=True)
        ]
        histograms.append(Series(f"{kind.upper()}, not zero", points))
    _write(
        "regularizers-l1-l2-weights",
        chart(
            f"Size of the weights that are not zero, λ = {middle:g} (digits)",
            "|w|",
            "weights in each half power of ten",
            histograms,
            log_x=True,
        ),
    )
    lines = [
        "| λ | L1: zeros | L1: Δm % | L2: zeros | L2: Δm % |",
        "|---|---|---|---|---|",
    ]
    for s in lambdas:
        cells = []
        for kind in ("l1", "l2"):
            runs = rows[f"{kind} {s:g}"]
            cells.append(f"{100 * np.mean([r['zeros'] for r in runs]):.0f} %")
            cells.append(_gain(runs, rows["dropout 0"][: len(runs)]))
        lines.append(f"| {s:g} | {' | '.join(cells)} |")
    runs = [rows[f"{kind} {middle:g}"] for kind in ("l1", "l2")]
    zeros = [100 * np.mean([r["zeros"] for r in found]) for found in runs]
    small = _share_below(runs[1], edges, -3)
    return f"""### How do L1 and L2 differ?

L1 pulls every weight by the same amount whatever its size, so a weight that the data
do not hold ends at zero, and the proximal step makes it exactly zero. L2 pulls in
proportion to the size, so weights become small and never zero. At λ = {middle:g}, L1
leaves {zeros[0]:.0f} % exact zeros and L2 {zeros[1]:.0f} %, while
{100 * small:.0f} % of L2's weights are below 0.001 in size.

![Zeros of L1 and L2 against λ](images/regularizers-l1-l2-zeros.svg)

![Histogram of the weights](images/regularizers-l1-l2-weights.svg)

{chr(10).join(lines)}

Δm is the change against no penalty, 3 seeds, with its 95 % interval."""


def _share_below(runs: list[dict[str, Any]], edges: list[float], power: float) -> float:
    counts = np.mean([run["histogram"] for run in runs], axis=0)
    below = np.array(edges[1:]) <= power + 1e-9
    return float(counts[below].sum() / counts.sum())


def _dropout(rows: dict[str, Any]) -> str:
    rates = sorted(float(name.split()[1]) for name in rows if name[:7] == "dropout")
    test = [(r, *_interval(_metric(rows[f"dropout {r:g}"], "test"))) for r in rates]
    train = [(r, *_interval(_metric(rows[f"dropout {r:g}"], "train"))) for r in rates]
    _write(
        "regularizers-dropout",
        chart(
            "Dropout in the trunk (digits)",
            "dropout rate",
            "mean metric of the three tasks, percent (5 seeds, 95 % interval)",
            [Series("training", train), Series("test", test)],
        ),
    )
    plain = rows["dropout 0"]
    lines = ["| rate | test | training - test | Δm % |", "|---|---|---|---|"]
    means = {}
    for rate in rates:
        runs = rows[f"dropout {rate:g}"]
        good, seen = np.mean(_metric(runs, "test")), np.mean(_metric(runs, "train"))
        gain = "0" if rate == 0 else _gain(runs, plain)
        means[rate] = float(np.mean(gains(runs, plain)))
        lines.append(f"| {rate:g} | {good:.2f} | {seen - good:.2f} | {gain} |")
    best = max(means, key=lambda rate: means[rate])
    clear = [
        f"{rate:g}"
        for rate in rates
        if rate and seed_interval(gains(rows[f"dropout {rate:g}"], plain)).low > 0
    ]
    helped = (
        f"The gain is clear of zero at the rates {', '.join(clear)}"
        if clear
        else "At no rate is the gain clear of zero"
    )
    return f"""### Which dropout rate?

{helped}; the best mean is at {best:g} (Δm {means[best]:+.2f} %). The curve is flat
around its top: choose by validation data from 0.2, 0.4 and 0.6 rather than finely.

![Training and test metric against the dropout rate](images/regularizers-dropout.svg)

{chr(10).join(lines)}"""


def _batch_norm(rows: dict[str, Any]) -> str:
    names = [name for name in rows if name.startswith("order ")]
    series = []
    for name in names:
        curves = [r["validation_loss"] for r in rows[name]]
        length = min(min(map(len, curves)), 30)
        mean = np.mean([curve[:length] for curve in curves], axis=0)
        points = [(float(k + 1), *[float(v)] * 3) for k, v in enumerate(mean)]
        series.append(Series(name.removeprefix("order "), points))
    _write(
        "regularizers-batch-norm",
        chart(
            "Batch normalization (digits)",
            "epoch",
            "mean validation loss of the three tasks (5 seeds)",
            series,
        ),
    )
    plain, dropout = rows["order none"], rows["dropout 0.5"]
    target = min(np.mean(_padded([r["validation_loss"] for r in plain]), axis=0))
    reached_at: dict[str, str] = {}
    lines = [
        f"| network | epochs to a validation loss of {1.1 * target:.2f} | Δm % |",
        "|---|---|---|",
    ]
    for name in names:
        curve = np.mean(_padded([r["validation_loss"] for r in rows[name]]), axis=0)
        reached = np.flatnonzero(curve <= 1.1 * target)
        epochs = str(reached[0] + 1) if len(reached) else "never"
        reached_at[name] = epochs
        gain = "0" if name == "order none" else _gain(rows[name], plain)
        lines.append(f"| {name.removeprefix('order ')} | {epochs} | {gain} |")
    return f"""### What does batch normalization bring?

Speed, and no accuracy: the loss of the plain network is reached after
{reached_at["order batch norm"]} epochs instead of {reached_at["order none"]}, and the
best epoch is no better. Dropout before a batch norm is a known pitfall: the variance
that the norm averages in training contains the noise of dropout, which is absent at
inference (Li et al., 2019), and `compile` warns of that order. Here it costs epochs,
{reached_at["order batch norm after dropout"]}; the test metrics are those of the same
dropout without batch norm (Δm {_gain(dropout, plain)}) within their intervals.

![Validation loss by epoch](images/regularizers-batch-norm.svg)

{chr(10).join(lines)}"""


def _padded(curves: list[list[float]]) -> list[list[float]]:
    """Return curves of one length: a run that stopped keeps its best value."""
    length = max(map(len, curves))
    return [curve + [min(curve)] * (length - len(curve)) for curve in curves]


def _metric(runs: list[dict[str, Any]], split: str) -> list[float]:
    return [100 * float(np.mean(list(run[split].values()))) for run in runs]


def _gain(runs: list[dict[str, Any]], plain: list[dict[str, Any]]) -> str:
    return seed_interval(gains(runs, plain)).signed(2)


def _interval(values: Any) -> tuple[float, float, float]:
    mean, low, high = seed_interval(list(values))
    return (mean, mean, mean) if math.isnan(low) else (mean, low, high)


def _write(name: str, text: str) -> None:
    (IMAGES / f"{name}.svg").write_text(text, encoding="utf-8")
