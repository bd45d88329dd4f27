"""Measurements as Markdown tables."""

from statistics import median
from typing import Any

Records = list[dict[str, Any]]


def step_table(records: Records) -> str:
    """Return one row for each network, number of tasks and method.

    Args:
        records: As `benchmarks/step_time.py` makes them.
    """
    cells = sorted(
        {(r["network"], r["tasks"], r["method"]): None for r in records},
        key=lambda cell: cell[:2],
    )
    backends = list(dict.fromkeys(r["backend"] for r in records))
    head = ["network", "T", "method"]
    for backend in backends:
        head += [f"{backend}, ms", "x floor", "x Keras", "solver", "MB"]
    if "torch" in backends:
        head += ["native, ms", "x floor", "x TorchJD", "x LibMTL", "MB", "TorchJD MB"]
    lines = [head, ["---"] * len(head)]
    for network, tasks, method in cells:
        found = {
            (r["name"], r["backend"]): r
            for r in records
            if (r["network"], r["tasks"], r["method"]) == (network, tasks, method)
        }

        def step(name: str, backend: str, found: Any = found) -> float | None:
            record = found.get((name, backend))
            return median(record["cpu"]) if record and record["cpu"] else None

        def memory(name: str, backend: str, found: Any = found) -> str:
            record = found.get((name, backend))
            return f"{record['megabytes']:.0f}" if record and record["cpu"] else "-"

        row = [network, str(tasks), method]
        for backend in backends:
            own = step("polytask", backend)
            row += [
                _milliseconds(own),
                _ratio(own, step("floor", backend)),
                _ratio(own, step("keras", backend)),
                _share(step("solver", backend), own),
                memory("polytask", backend),
            ]
        if "torch" in backends:
            own = step("native", "torch")
            row += [
                _milliseconds(own),
                _ratio(own, step("torch floor", "torch")),
                _ratio(own, step("torchjd", "torch")),
                _ratio(own, step("libmtl", "torch")),
                memory("native", "torch"),
                memory("torchjd", "torch"),
            ]
        lines.append(row)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1e3 * seconds:.1f}"


def _ratio(own: float | None, other: float | None) -> str:
    return "-" if own is None or other is None else f"{own / other:.2f}"


def _share(part: float | None, whole: float | None) -> str:
    return "-" if part is None or whole is None else f"{100 * part / whole:.1f} %"
