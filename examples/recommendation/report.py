"""The page: what regularization brought, which features stayed, and what that saves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import variants
from folds import PUBLISHED_U1
from matplotlib.figure import Figure

from examples.page import Page
from polytask.lab.metrics import Interval
from polytask.lab.studies import VariantSummary

BLUE, ORANGE, GRAY = "#1d4ed8", "#b45309", "#6b7280"
Summaries = Mapping[str, VariantSummary]


def interval(value: Interval, digits: int = 1) -> str:
    """Return "+1.2 [+0.4, +2.0]", or a dash where there is no value."""
    if not np.isfinite(value.mean):
        return "-"
    return value.signed(digits)


def plain(value: Any, digits: int) -> str:
    """Return the mean of an interval, without a leading zero."""
    return f"{value.mean:.{digits}f}".removeprefix("0")


def variant_rows(
    single: Summaries, multi: Summaries, ranking: Mapping[str, float]
) -> list[list[str]]:
    """Return the rows of the main table.

    Args:
        single: Summaries against the single-task networks.
        multi: Summaries against the multi-task network without regularization.
        ranking: Variant → NDCG@10.
    """
    return [
        [
            name,
            interval(row.delta_m),
            interval(multi[name].delta_m),
            interval(row.gap),
            plain(row.metrics["watch"], 3),
            plain(row.metrics["like"], 3),
            plain(row.metrics["rating"], 3),
            f"{ranking[name]:.3f}".removeprefix("0"),
        ]
        for name, row in single.items()
    ]


HEADER = [
    "network",
    "Δm to single-task, %",
    "Δm to multi-task, %",
    "gap, %",
    "watch AUC",
    "like AUC",
    "rating RMSE",
    "NDCG@10",
]


def delta_figure(rows: Summaries) -> Figure:
    """Draw Δm of each variant with its interval."""
    figure = Figure(figsize=(8, 0.4 * len(rows) + 1))
    axes = figure.add_subplot()
    for place, (_, row) in enumerate(reversed(rows.items())):
        delta = row.delta_m
        axes.plot([delta.low, delta.high], [place, place], color=BLUE, lw=2, alpha=0.5)
        axes.plot(delta.mean, place, "o", color=BLUE)
    axes.axvline(0, color=GRAY, lw=1)
    axes.set_yticks(range(len(rows)), list(reversed(rows)))
    axes.set_xlabel("Δm against single-task networks without regularization, %")
    _bare(axes)
    return figure


def curve_figure(curves: Mapping[str, list[dict[str, float]]]) -> Figure:
    """Draw the validation metrics of each task by epoch."""
    figure = Figure(figsize=(9, 3))
    names = {"watch": "watch AUC", "like": "like AUC", "rating": "rating RMSE"}
    for place, (task, title) in enumerate(names.items()):
        axes = figure.add_subplot(1, 3, place + 1)
        for (name, curve), color in zip(curves.items(), (ORANGE, BLUE), strict=True):
            values = [epoch[task] for epoch in curve]
            axes.plot(range(1, len(values) + 1), values, color=color, label=name)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("epoch")
        _bare(axes)
        if not place:
            axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.tight_layout()
    return figure


def feature_figure(kept: Mapping[str, Any], most: int = 30) -> Figure:
    """Draw the weights of the features that are kept, the largest first."""
    linear: Mapping[str, Mapping[str, float]] = kept["linear"]
    sizes: dict[str, float] = {}
    for weights in linear.values():
        for name, weight in weights.items():
            sizes[name] = max(sizes.get(name, 0.0), abs(weight))
    names = sorted(sizes, key=lambda name: -sizes[name])[:most]
    table = np.array([[linear[t].get(name, 0.0) for t in linear] for name in names])
    table = table.reshape(len(names), len(linear))
    figure = Figure(figsize=(6, 0.24 * len(names) + 1))
    axes = figure.add_subplot()
    limit = float(np.abs(table).max()) if table.size else 1.0
    image = axes.imshow(table, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(linear)), list(linear))
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.xaxis.tick_top()
    for (row, column), weight in np.ndenumerate(table):
        if weight == 0:
            axes.text(
                column, row, "0", ha="center", va="center", color=GRAY, fontsize=7
            )
    figure.colorbar(image, label="weight in the linear part", shrink=0.6)
    return figure


def fold_figure(errors: Mapping[str, Mapping[int, float]]) -> Figure:
    """Draw the test RMSE of each network on each fold."""
    figure = Figure(figsize=(8, 3.2))
    axes = figure.add_subplot()
    for (name, values), color in zip(
        errors.items(), (GRAY, ORANGE, "#0f766e", BLUE), strict=False
    ):
        folds = sorted(values)
        mean = np.mean([values[fold] for fold in folds])
        label = f"{name} (mean {mean:.3f})"
        axes.plot(folds, [values[f] for f in folds], "o-", color=color, label=label)
    axes.plot(1, PUBLISHED_U1["GC-MC"], "k*", ms=10, label="GC-MC, published on u1")
    axes.axhline(0.935, color=GRAY, ls=":", lw=1)
    axes.set_xticks(range(1, 6), [f"u{fold}" for fold in range(1, 6)])
    axes.set_ylabel("test RMSE")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    _bare(axes)
    return figure


def funnel_figure(rows: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw the share of test rows that break the funnel."""
    figure = Figure(figsize=(7, 0.4 * len(rows) + 0.9))
    axes = figure.add_subplot()
    names = list(reversed(rows))
    axes.barh(names, [100 * rows[name]["rows"] for name in names], color=BLUE)
    axes.set_xlabel("test rows with P(buy) > P(cart), %")
    _bare(axes)
    return figure


def _bare(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def feature_rows(kept: Mapping[str, Any]) -> list[list[str]]:
    """Return how many features of each field every task and the factors keep."""
    fields: dict[str, list[int]] = {}
    places = [*kept["linear"].values(), dict.fromkeys(kept["factors"])]
    for place, names in enumerate(places):
        for name in names:
            fields.setdefault(_field(name), [0] * len(places))[place] += 1
    return [[field, *map(str, counts)] for field, counts in sorted(fields.items())]


def _field(name: str) -> str:
    return " × ".join(part.split("=")[0] for part in name.split(" × "))


def saving_rows(savings: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return size and speed of each network before and after `compact`."""
    return [
        [
            name + suffix,
            f"{found[state]['parameters']:,}",
            f"{found[state]['bytes'] / 1024:,.0f}",
            str(found[state]["dimensions"]),
            f"{found[state]['milliseconds']:.1f}",
        ]
        for name, found in savings.items()
        for state, suffix in (("before", ""), ("after", ", compact"))
    ]


SAVING_HEADER = [
    "network",
    "parameters",
    "file, KB",
    "dimensions",
    "ms for 8,192 rows",
]


def write(results: Mapping[str, Any], folder: Path) -> Path:
    """Write the page.

    Args:
        results: What `recommendation.main` put together.
        folder: Where to.
    """
    shown = variants.BEST if variants.BEST in results["single"] else variants.ALL
    best, over = results["single"][shown], results["multi"][shown]
    page = Page(
        "Recommendation",
        lead=f"Regularization changes three tasks on MovieLens by "
        f"{over.delta_m.mean:+.1f} % on average against a network without it, "
        f"and by {best.delta_m.mean:+.1f} % against one network per task.",
        kind="Example",
    )
    page.section("Results")
    page.table(HEADER, results["rows"], caption=results["caption"])
    page.figure(
        delta_figure(results["single"]),
        caption="Δm on the test part, mean and 95 % interval over seeds.",
    )
    page.figure(
        curve_figure(results["curves"]),
        caption="Validation metrics by epoch, first seed. The best epoch's weights "
        "are kept.",
    )
    page.section("Features")
    for name in (variants.L1_ALONE, variants.SMALL, variants.FEW, variants.AGAIN):
        kept = results["kept"][name]
        linear = kept["linear"]
        every = set.intersection(*(set(weights) for weights in linear.values()))
        page.table(
            ["field", *linear, "shared factors"],
            feature_rows(kept),
            caption=f"“{name}”, first seed: how many features of each field have a "
            f"weight other than zero. Of {kept['columns']}, "
            + ", ".join(f"{len(w)} are kept for {task}" for task, w in linear.items())
            + f", {len(every)} for all three; {len(kept['factors'])} shape the factors "
            f"that all tasks share. {len(kept['read'])} of {kept['inputs']} columns of "
            "users and films are read at all.",
        )
        page.figure(
            feature_figure(kept), caption=f"“{name}”: the features with most weight."
        )
    difference = max(found["difference"] for found in results["savings"].values())
    page.table(
        SAVING_HEADER,
        saving_rows(results["savings"]),
        caption="polytask.compact leaves the predictions as they are (largest "
        f"difference {difference:.0e}).",
    )
    page.section("Official folds")
    page.figure(
        fold_figure(results["folds"]),
        caption="RMSE of the rating task; the number of epochs was chosen on the split "
        "by time. Dotted: the goal of this example, .935 on the mean.",
    )
    page.section("Taobao: the order of a funnel")
    page.text(results["taobao_text"])
    page.table(
        ["network", "Δm to single-task, %", "cart AUC", "buy AUC", "broken, %", "by"],
        results["taobao_rows"],
        caption="“broken”: test rows with P(buy) > P(cart); “by”: the mean excess.",
    )
    page.figure(funnel_figure(results["broken"]), caption="What the penalty is for.")
    page.section("Data")
    for facts in results["facts"]:
        page.pairs({k: facts[k] for k in ("source", "homepage", "license", "citation")})
    page.items(results["notes"])
    return page.write(folder)
