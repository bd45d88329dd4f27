"""Results over draws of a study: intervals, a table and a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot

from polytask.lab.metrics.seed_interval import seed_interval

#: Of a draw: method → number of rows → what was measured.
Result = Mapping[str, Mapping[int, float]]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and half width of the 95 % interval over the draws."""
    found = seed_interval(values)
    return found.mean, found.high - found.mean


def table(
    results: Sequence[Result],
    titles: Mapping[str, str],
    differences: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the results as a Markdown table.

    Args:
        results: By draw.
        titles: Method → what it is called.
        differences: Pairs of methods that are also compared draw by draw; those that
            were not both measured are left out.
    """
    measured = results[0]
    sizes = list(next(iter(measured.values())))
    heads = " | ".join(f"k = {size}" for size in sizes)
    lines = [f"| method | {heads} |", "|---" * (len(sizes) + 1) + "|"]
    for method in measured:
        cells = [interval([r[method][k] for r in results]) for k in sizes]
        shown = " | ".join(f"{mean:.2f} ± {half:.2f}" for mean, half in cells)
        lines.append(f"| {titles[method]} | {shown} |")
    for one, other in differences:
        if {one, other} <= measured.keys():
            cells = [
                interval([r[one][k] - r[other][k] for r in results]) for k in sizes
            ]
            shown = " | ".join(f"{mean:+.3f} ± {half:.3f}" for mean, half in cells)
            lines.append(f"| {titles[one]} − {titles[other]}, draw by draw | {shown} |")
    return "\n".join(lines)


def picture(
    results: Sequence[Result],
    titles: Mapping[str, str],
    rows: str,
    what: str,
    file: Path,
) -> None:
    """Write what was measured, by number of rows.

    Args:
        results: By draw.
        titles: Method → what it is called.
        rows: What the rows are, in the plural.
        what: What was measured.
        file: The picture.
    """
    figure, axes = pyplot.subplots(figsize=(7, 4))
    sizes = list(next(iter(results[0].values())))
    for place, method in enumerate(results[0]):
        means, halves = zip(
            *(interval([r[method][k] for r in results]) for k in sizes), strict=True
        )
        at = np.arange(len(sizes)) + 0.08 * (place - 1.5)
        axes.errorbar(at, means, halves, fmt="o-", capsize=3, label=titles[method])
    axes.set_xticks(range(len(sizes)), [f"{k} {rows}" for k in sizes])
    axes.set_ylabel(what)
    axes.legend()
    figure.savefig(file, bbox_inches="tight")
    pyplot.close(figure)
