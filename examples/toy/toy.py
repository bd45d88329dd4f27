"""The two-task toy problem of the balancing papers: who reaches the Pareto set?

Two losses of two numbers, one a tenth as steep as the other, with narrow valleys in
which the sum of the gradients makes no progress. Every method runs through polytask's
native entry point, compiled in one loop, with positions, gradients and Adam in float64.
"""

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import polytask  # noqa: F401 - before JAX and Keras

# isort: split
import jax
import numpy as np
from jax import numpy as jnp

from polytask import balancing
from polytask.training.native.jax import multitask_grad

STARTS = ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0))
FAR_STARTS = ((-8.5, 7.5), (-8.5, -5.0), (9.0, 9.0))
PARETO_X1, PARETO_X2 = 7.0, -8.3552
#: So near counts as reached.
NEAR = 0.1
RECORDS = 350
QUICK = ("equal", "pcgrad", "mgda", "nash_mtl")


@dataclass(frozen=True)
class Method:
    """A balancer, and whether the papers clip its gradient at norm 1."""

    title: str
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    clipped: bool = False

    def balancer(self, scale: float) -> balancing.Balancer:
        """Return a new balancer; FAMO gets the lower bounds of its authors' toy."""
        options = dict(self.options)
        if self.name == "famo":
            options["lower_bounds"] = [-21.0 * scale, -21.0]
        return balancing.get(self.name, **options)


METHODS = (
    Method("Equal weights", "equal"),
    Method("PCGrad", "pcgrad"),
    Method("GradVac", "gradvac"),
    Method("CAGrad, c = 0.4", "cagrad", {"c": 0.4}),
    Method("Aligned-MTL", "aligned_mtl"),
    Method("UPGrad", "upgrad"),
    Method("DualProj", "dualproj"),
    Method("ConFIG", "config"),
    Method("MGDA", "mgda"),
    Method("IMTL-G", "imtl_g"),
    Method("Nash-MTL", "nash_mtl", clipped=True),
    Method("FairGrad, α = 2", "fairgrad"),
    Method("FAMO, decay 0", "famo", {"decay": 0.0}, clipped=True),
    Method("FAMO, decay 0.001", "famo", clipped=True),
)


def losses(point: Any, scale: float) -> dict[str, Any]:
    """Return the two losses at a point (x1, x2); the first is times `scale`."""
    x1, x2 = point[..., 0], point[..., 1]
    u = 0.5 * (-x1 - 7.0) - jnp.tanh(-x2)
    v = 0.5 * (-x1 + 3.0) + jnp.tanh(-x2) + 2.0
    f1 = jnp.log(jnp.maximum(jnp.abs(u), 5e-6)) + 6.0
    f2 = jnp.log(jnp.maximum(jnp.abs(v), 5e-6)) + 6.0
    c1 = jnp.maximum(jnp.tanh(0.5 * x2), 0.0)
    c2 = jnp.maximum(jnp.tanh(-0.5 * x2), 0.0)
    q1 = ((-x1 + 7.0) ** 2 + 0.1 * (-x2 - 8.0) ** 2) / 10.0 - 20.0
    q2 = ((-x1 - 7.0) ** 2 + 0.1 * (-x2 - 8.0) ** 2) / 10.0 - 20.0
    return {"L1": scale * (f1 * c1 + q1 * c2), "L2": f2 * c1 + q2 * c2}


def descend(
    method: Method,
    starts: tuple[tuple[float, float], ...],
    steps: int,
    scale: float,
    rate: float = 1e-3,
) -> np.ndarray:
    """Return the paths of Adam from each start.

    Args:
        method: The method.
        starts: Where to begin.
        steps: Number of steps.
        scale: Factor of the first loss.
        rate: Learning rate.

    Returns:
        (starts, records + 1, 2) points, evenly spaced in steps.
    """
    heads: dict[str, Any] = {"L1": {}, "L2": {}}
    grad = multitask_grad(lambda x, _: losses(x, scale), method.balancer(scale))
    points = jnp.asarray(starts, "float64")
    state = grad.init(points[0], heads)

    def step(carried: Any, k: Any) -> tuple[Any, None]:
        x, m, v, state = carried
        (g, _), state, _ = grad(x, heads, state)
        if method.clipped:
            g = g / jnp.maximum(1.0, jnp.linalg.norm(g))
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        change = (m / (1 - 0.9**k)) / (jnp.sqrt(v / (1 - 0.999**k)) + 1e-8)
        return (x - rate * change, m, v, state), None

    each = max(1, steps // RECORDS)

    def stretch(carried: Any, first: Any) -> tuple[Any, Any]:
        ks = first + jnp.arange(1, each + 1)
        carried, _ = jax.lax.scan(step, carried, ks)
        return carried, carried[0]

    @jax.jit
    @jax.vmap
    def path(start: Any) -> Any:
        zero = jnp.zeros_like(start)
        firsts = each * jnp.arange(steps // each)
        _, points = jax.lax.scan(stretch, (start, zero, zero, state), firsts)
        return jnp.concatenate([start[None], points])

    return np.asarray(path(points))


def distance(point: np.ndarray) -> np.ndarray:
    """Return how far points are from the Pareto set, the last axis being (x1, x2)."""
    beyond = np.maximum(np.abs(point[..., 0]) - PARETO_X1, 0.0)
    return np.hypot(beyond, point[..., 1] - PARETO_X2)


def table(paths: dict[str, np.ndarray], starts: tuple[tuple[float, float], ...]) -> str:
    """Return which method reaches the Pareto set from which start, in Markdown."""
    heading = " | ".join(f"({a:g}, {b:g})" for a, b in starts)
    lines = [f"| method | {heading} |", "|---" * (1 + len(starts)) + "|"]
    for title, path in paths.items():
        ends = path[:, -1]
        cells = [
            f"yes, x₁ = {end[0]:.2f}" if far < NEAR else f"**no**, {far:.1f} away"
            for end, far in zip(ends, distance(ends), strict=True)
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def loss_table(
    paths: dict[str, np.ndarray], starts: tuple[tuple[float, float], ...]
) -> str:
    """Return the mean loss at the end, in Markdown, for losses of one scale."""
    heading = " | ".join(f"({a:g}, {b:g})" for a, b in starts)
    lines = [f"| method | {heading} |", "|---" * (1 + len(starts)) + "|"]
    for title, path in paths.items():
        found = losses(jnp.asarray(path[:, -1]), 1.0)
        means = (np.asarray(found["L1"]) + np.asarray(found["L2"])) / 2
        lines.append(f"| {title} | {' | '.join(f'{m:.3f}' for m in means)} |")
    return "\n".join(lines)


def draw(paths: dict[str, np.ndarray], scale: float, file: Path) -> None:
    """Draw one panel a method: the paths on contour lines of the summed losses."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    across, down = np.linspace(-11, 11, 221), np.linspace(-11.5, 11, 226)
    grid = np.stack(np.meshgrid(across, down), axis=-1)
    found = losses(jnp.asarray(grid), scale)
    total = np.asarray(found["L1"] + found["L2"])
    columns = 5
    rows = -(-len(paths) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.5 * columns, 2.62 * rows), layout="constrained"
    )
    panels = axes.ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, (title, path) in zip(panels, paths.items(), strict=False):
        reached = int((distance(path[:, -1]) < NEAR).sum())
        panel.contour(across, down, total, 14, colors="#b9b9b9", linewidths=0.5)
        panel.plot([-7, 7], [PARETO_X2] * 2, color="#1d2024", linewidth=3, alpha=0.35)
        for line in path:
            good = distance(line[-1]) < NEAR
            color = "#1b5e9e" if good else "#a4470f"
            panel.plot(*line.T, color=color, linewidth=1.3)
            panel.plot(*line[0], "o", color="#1d2024", markersize=3.5)
            panel.plot(*line[-1], "*" if good else "X", color=color, markersize=8)
        panel.set_title(f"{title}: {reached} of {len(path)}", fontsize=10)
        panel.set(xlim=(-11, 11), ylim=(-11.5, 11))
    figure.savefig(file, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="four methods, and no second table"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/toy"), help="folder of the picture"
    )
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    chosen = [m for m in METHODS if not options.quick or m.name in QUICK]
    paths = {m.title: descend(m, STARTS, 35_000, 0.1) for m in chosen}
    print("s = 0.1, 35,000 steps: is the Pareto set reached?\n")
    print(table(paths, STARTS))
    options.out.mkdir(parents=True, exist_ok=True)
    draw(paths, 0.1, options.out / "toy.png")
    print(f"\nPicture: {options.out / 'toy.png'}")
    if options.quick:
        return
    methods = (METHODS[0], Method("CAGrad, c = 0.5", "cagrad", {"c": 0.5}))
    far = {m.title: descend(m, FAR_STARTS, 100_000, 1.0) for m in methods}
    print("\ns = 1, 100,000 steps: mean of the losses at the end\n")
    print(loss_table(far, FAR_STARTS))


if __name__ == "__main__":
    main()
