"""The advantage of MMoE over the others, as one SVG picture."""

from pathlib import Path

import numpy as np

from polytask.lab.metrics.seed_interval import seed_interval

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 70, 30, 70, 60
COLORS = {
    "wide shared bottom": "#b45309",
    "narrow shared bottom": "#047857",
    "one-gate mixture": "#1d4ed8",
}


def draw(advantage: dict, file: Path) -> None:
    """Write means and 95 % intervals over the correlation.

    Args:
        advantage: (architecture, correlation) → improvement of each seed, in percent.
        file: Where to write the SVG.
    """
    points = {key: seed_interval(values) for key, values in advantage.items()}
    correlations = sorted({correlation for _, correlation in points})
    ends = [0.0, *(e for point in points.values() for e in point if np.isfinite(e))]
    low, high = 50 * np.floor(min(ends) / 50), 50 * np.ceil(max(ends) / 50 + 1e-9)

    def across(correlation: float) -> float:
        return LEFT + 20 + correlation * (WIDTH - LEFT - RIGHT - 40)

    def up(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        '<text x="16" y="24" font-size="15">Test error of MMoE below that of the '
        "others (percent, 95 % intervals)</text>",
    ]
    for tick in np.arange(low, high + 1, 50):
        parts.append(
            f'<path d="M{LEFT} {up(tick):.1f}H{WIDTH - RIGHT}" '
            f'stroke="{"#6b7280" if tick == 0 else "#e5e7eb"}"/>'
            f'<text x="{LEFT - 8}" y="{up(tick) + 4:.1f}" text-anchor="end">'
            f"{tick:.0f}</text>"
        )
    for correlation in correlations:
        parts.append(
            f'<text x="{across(correlation):.1f}" y="{HEIGHT - BOTTOM + 22}" '
            f'text-anchor="middle">{correlation:g}</text>'
        )
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" '
        'text-anchor="middle">cosine of the two tasks\' weights</text>'
    )
    for k, (name, color) in enumerate(COLORS.items()):
        x = 16 + 190 * k
        parts.append(f'<circle cx="{x + 5}" cy="46" r="5" fill="{color}"/>')
        parts.append(f'<text x="{x + 16}" y="50">{name}</text>')
        shift = 12 * (k - 1)
        line = []
        for correlation in correlations:
            mean, bottom, top = points[name, correlation]
            x = across(correlation) + shift
            line.append(f"{x:.1f} {up(mean):.1f}")
            parts.append(
                f'<circle cx="{x:.1f}" cy="{up(mean):.1f}" r="5" fill="{color}"/>'
            )
            if np.isfinite(bottom):
                parts.append(
                    f'<path d="M{x:.1f} {up(bottom):.1f}V{up(top):.1f}" '
                    f'stroke="{color}" stroke-width="2"/>'
                )
        parts.append(
            f'<path d="M{"L".join(line)}" fill="none" stroke="{color}" opacity="0.5"/>'
        )
    parts.append("</svg>")
    file.write_text("\n".join(parts) + "\n", encoding="utf-8")
