"""The results as one SVG picture, without a plotting library."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, ROW, LEFT, RIGHT, TOP = 760, 34, 170, 70, 64
COLORS = ("#b45309", "#1d4ed8")


def draw(problem: Any, results: Sequence[dict], file: Path) -> None:
    """Write a dot for each method and training share, with its range over the splits.

    Args:
        problem: The `Problem`: rows of the picture, and a color for each share.
        results: What `measure` returned.
        file: Where to write the SVG.
    """
    methods, shares = problem.methods, problem.shares
    values = [r["error"] for r in results]
    values += [f for method in methods for f in method.published if f is not None]
    step, decimals = (0.5, 1) if max(values) - min(values) > 1 else (0.05, 2)
    low = np.floor(min(values) / step) * step
    high = np.ceil(max(values) / step) * step

    def place(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    height = TOP + ROW * len(methods) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="16" y="24" font-size="15">{problem.title}</text>',
    ]
    for k, share in enumerate(shares):
        x = 16 + 190 * k
        parts.append(f'<circle cx="{x + 5}" cy="42" r="5" fill="{COLORS[k]}"/>')
        parts.append(f'<text x="{x + 16}" y="46">{share:.0%} for training</text>')
    parts.append('<path d="M401 37v10M396 42h10" stroke="#6b7280" stroke-width="1.5"/>')
    parts.append('<text x="414" y="46">figure to compare with</text>')
    bottom = TOP + ROW * len(methods)
    for tick in np.arange(low, high + 0.01 * step, step):
        x = place(tick)
        parts.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#e5e7eb"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">'
            f"{tick:.{decimals}f}</text>"
        )
    for row, method in enumerate(methods):
        y = TOP + ROW * (row + 0.5)
        parts.append(
            f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{method.title}</text>'
        )
        for k, share in enumerate(shares):
            found = [
                r["error"]
                for r in results
                if r["method"] == method.title and r["share"] == share
            ]
            left, right = place(min(found)), place(max(found))
            color, at = COLORS[k], y - 6 + 12 * k
            parts.append(
                f'<path d="M{left:.1f} {at}H{right:.1f}" stroke="{color}" '
                'stroke-width="2" opacity="0.5"/>'
            )
            parts.append(
                f'<circle cx="{place(float(np.mean(found))):.1f}" cy="{at}" r="5" '
                f'fill="{color}"/>'
            )
            if method.published[k] is None:
                continue
            x = place(method.published[k])
            parts.append(
                f'<path d="M{x:.1f} {at - 5}v10M{x - 5:.1f} {at}h10" stroke="{color}" '
                'stroke-width="1.5"/>'
            )
    parts.append("</svg>")
    file.write_text("\n".join(parts) + "\n", encoding="utf-8")
