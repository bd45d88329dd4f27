"""What `polytask.compact` makes of a group lasso: the latency curve."""

from pathlib import Path

import results
from chart import Series, chart

FILE = Path(__file__).parents[2] / "docs" / "images" / "regularizers-compact.svg"


def section() -> str:
    """Write the picture and return the section of the page."""
    stored = results.read("compact")
    about, rows = stored["about"], list(stored["rows"].values())
    series = []
    for name, key in (("full network", "full_ms"), ("compact network", "compact_ms")):
        points = [(float(sum(r["units"])), *[r[key]] * 3) for r in rows]
        series.append(Series(name, sorted(points)))
    text = chart(
        f"predict of {about['rows']:,} rows after group lasso and compact",
        "hidden units left",
        "milliseconds",
        series,
    )
    FILE.write_text(text, encoding="utf-8")
    lines = [
        "| λ | units left | parameters | full, ms | compact, ms | ratio | test MSE |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        cells = [
            f"{r['strength']:g}",
            " + ".join(map(str, r["units"])),
            f"{r['parameters']:,}",
            f"{r['full_ms']:.1f}",
            f"{r['compact_ms']:.1f}",
            f"{r['compact_ms'] / r['full_ms']:.2f}",
            f"{r['test_mse']:.4f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    largest = max(r["largest_difference"] for r in rows)
    return f"""## Smaller and faster: `polytask.compact` after a group lasso

`GroupLasso(groups="units")` on two hidden layers removes whole units, and
`polytask.compact` takes them out of the network. Its predictions differ by at most
{largest:.1g}.

![Latency of predict against the units left](images/regularizers-compact.svg)

{chr(10).join(lines)}

`python benchmarks/compact_latency.py`, {about["backend"]}, one run: the shortest of
{about["repeats"]} alternating repeats."""
