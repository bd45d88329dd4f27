"""Measurements as Markdown tables.

Methods that need losses alone are compared with the plain step, the others with the
floor: T gradients and no balancing.
"""

from statistics import median
from typing import Any

#: Methods that make one backward pass.
LOSSES_ONLY = ("equal", "famo")
NETWORKS = {"mlp": "MLP", "cnn": "CNN", "transformer": "Transformer"}
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
#: Name of a way to train → the backend, and whether the loop is written by hand.
WAYS = {name: (backend, False) for backend, name in BACKENDS.items()}
WAYS["by hand"] = ("torch", True)

Cell = tuple[str, int, str]
Records = list[dict[str, Any]]


class Measurements:
    """Medians of the CPU time by network, T, method, competitor and backend."""

    def __init__(self, records: Records) -> None:
        self.records = {
            (r["network"], r["tasks"], r["method"], r["name"], r["backend"]): r
            for r in records
            if r["cpu"]
        }
        self.methods = list(dict.fromkeys(r["method"] for r in records))
        order = list(NETWORKS)
        self.places = sorted(
            {key[:2] for key in self.records}, key=lambda p: (order.index(p[0]), p[1])
        )

    def step(self, cell: Cell, name: str, backend: str = "torch") -> float | None:
        """Return the seconds of a step; None if there was none."""
        record = self.records.get((*cell, name, backend))
        return None if record is None else median(record["cpu"])

    def own_and_over(self, cell: Cell, way: str) -> tuple[float | None, float | None]:
        """Return polytask's seconds, and these over the plain step or the floor."""
        backend, by_hand = WAYS[way]
        names = _BY_HAND if by_hand else _ON_KERAS
        own, plain, floor = (self.step(cell, name, backend) for name in names)
        return own, ratio(own, plain if cell[2] in LOSSES_ONLY else floor)


_ON_KERAS = ("polytask", "keras", "floor")
_BY_HAND = ("native", "torch", "torch floor")


def ratio(own: float | None, other: float | None) -> float | None:
    """Return their quotient, if both are known."""
    return None if own is None or other is None else own / other


def shown(value: float | None, form: str = ".2f", sign: str = "") -> str:
    """Return a number in a format, "-" where there is none."""
    return "-" if value is None else f"{value:{form}}{sign}"


def table(lines: list[list[str]]) -> str:
    """Return rows as a Markdown table; the first is its head."""
    head, *rows = lines
    rule = "|" + "---|" * len(head)
    return "\n".join(
        ["| " + " | ".join(head) + " |", rule]
        + ["| " + " | ".join(row) + " |" for row in rows]
    )


def step_table(found: Measurements, place: tuple[str, int]) -> str:
    """Return one row for each method on a network with T tasks."""
    head = ["method"]
    for way in WAYS:
        head += [f"{way}, ms", "x floor"]
    lines = [[*head, "x TorchJD", "x LibMTL"]]
    for method in found.methods:
        cell = (*place, method)
        sign = " *" if method in LOSSES_ONLY else ""
        row = [f"`{method}`"]
        for way in WAYS:
            own, over = found.own_and_over(cell, way)
            row += [shown(own and 1e3 * own, ".1f"), shown(over, sign=sign)]
        own = found.step(cell, "native")
        for peer in ("torchjd", "libmtl"):
            row.append(shown(ratio(own, found.step(cell, peer))))
        lines.append(row)
    return table(lines)


def target_table(found: Measurements) -> str:
    """Return the ranges over the methods of each kind."""
    lines = [["over", *WAYS]]
    for kind, losses_only in (
        ("Gramian methods over the floor", False),
        ("loss-based over the plain step", True),
    ):
        methods = [m for m in found.methods if (m in LOSSES_ONLY) == losses_only]
        for place in found.places:
            row = [f"{kind}, {NETWORKS[place[0]]}, T = {place[1]}"]
            for way in WAYS:
                ratios = [found.own_and_over((*place, m), way)[1] for m in methods]
                known = [value for value in ratios if value is not None]
                row.append(f"{min(known):.2f}-{max(known):.2f}" if known else "-")
            lines.append(row)
    return table(lines)


def solver_table(found: Measurements) -> str:
    """Return the solvers' share of the step, where it was measured."""
    methods = [m for m in found.methods if m != "equal"]
    lines = [["network, T", "backend", *methods]]
    for place in found.places:
        for backend, label in BACKENDS.items():
            cells = [(*place, method) for method in methods]
            shares = [
                ratio(
                    found.step(c, "solver", backend), found.step(c, "polytask", backend)
                )
                for c in cells
            ]
            if any(share is not None for share in shares):
                row = [f"{NETWORKS[place[0]]}, {place[1]}", label]
                row += [shown(share, ".1%").replace("%", " %") for share in shares]
                lines.append(row)
    return table(lines)


def memory_table(found: Measurements, method: str = "mgda") -> str:
    """Return the most memory resident, in MB."""
    who = [(n, b) for b in ("jax", "tensorflow") for n in ("polytask", "floor")]
    who += [(n, "torch") for n in ("polytask", "native", "torchjd", "libmtl")]
    head = ["network, T", "JAX", "floor", "TensorFlow", "floor"]
    lines = [[*head, "PyTorch", "by hand", "TorchJD", "LibMTL"]]
    for place in found.places:
        row = [f"{NETWORKS[place[0]]}, {place[1]}"]
        for name, backend in who:
            record = found.records.get((*place, method, name, backend))
            row.append(shown(record and record["megabytes"], ".0f"))
        lines.append(row)
    return table(lines)


def report(records: Records) -> str:
    """Return all tables.

    Args:
        records: As `benchmarks/step_time.py` makes them.
    """
    found = Measurements(records)
    parts = []
    for place in found.places:
        title = f"### {NETWORKS[place[0]]}, T = {place[1]}"
        parts += [title, step_table(found, place)]
    parts += ["## Targets", target_table(found)]
    parts += ["## Share of the solver", solver_table(found)]
    parts += ["## Peak memory, MGDA, MB resident", memory_table(found)]
    return "\n\n".join(parts)
