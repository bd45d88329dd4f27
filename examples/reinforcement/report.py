"""The page of a study of agents."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from environments import Task
from intervals import bootstrap_interval, interquartile_mean
from pictures import charts, conflict_curves, learning_curves, picture

from examples.page import Page

Record = dict[str, Any]


def write_report(
    out: Path,
    title: str,
    command: str,
    tasks: Mapping[str, Task],
    singles: Sequence[Mapping[str, Record]],
    records: Mapping[str, Sequence[Record]],
    strips: Mapping[str, bytes] | None = None,
) -> Path:
    """Write `report.html` and its pictures.

    Args:
        out: The folder.
        title: Title of the page.
        command: What makes it.
        tasks: Name → task.
        singles: By seed, task → the record of its own agent.
        records: Arm → records by seed, of one agent for all tasks.
        strips: Name of a picture of a policy → PNG.

    Returns:
        The path of the page.
    """
    header, rows = _compared(tasks, singles, records)
    seeds = len(singles)
    first, found = next(iter(records.items()))
    solved = sum(one["solved"] for one in found)
    page = Page(
        title,
        lead=f"One network solves all of its {len(tasks)} tasks in the same test with "
        f"{solved} of {seeds} seeds.",
        kind="Example",
    )
    page.section("Steps to solve the tasks")
    page.table(header, rows, _note(tasks, seeds))
    print(f"\n{_markdown(header, rows)}\n")
    header, rows = _scores(tasks, singles, records)
    page.section("Scores")
    page.table(header, rows, "Mean over seeds, on new episodes after the last update.")
    print(f"{_markdown(header, rows)}\n")
    page.section("Learning curves")
    curves = {task: learning_curves(records, singles, task) for task in tasks}
    curves = {task: some for task, some in curves.items() if some}
    what = "return of training episodes"
    panels = charts(curves, what)
    page.panels(panels, "Returns while training, mean over seeds.")
    (out / "learning.svg").write_text(picture(panels, what), encoding="utf-8")
    page.section("Conflict")
    conflicts = {
        arm: conflict_curves(some, list(tasks)) for arm, some in records.items()
    }
    conflicts = {arm: some for arm, some in conflicts.items() if some}
    what = "cosine of two tasks' gradients"
    panels = charts(conflicts, what)
    page.panels(
        panels,
        "Cosine of the gradients of each pair of tasks, by their first letters, with "
        "respect to the trunk, mean over seeds; below 0 the two are in conflict.",
    )
    (out / "conflict.svg").write_text(picture(panels, what), encoding="utf-8")
    for name, strip in (strips or {}).items():
        page.figure(strip, name)
    page.section("Counted")
    page.table(
        ["task", "updates", "absent", "without an ended episode"],
        [
            [
                task,
                sum(one["updates"] for one in found),
                sum(one["absent"][task] for one in found),
                sum(one["without_episode"][task] for one in found),
            ]
            for task in tasks
        ],
        f"Updates of one network, {first}, all seeds: those in which a task rested and "
        "had no rows, and those in which it had rows but no return to show.",
    )
    page.code(command)
    return page.write(out)


def _compared(tasks: Any, singles: Any, records: Any) -> tuple[list[str], list[Any]]:
    """Return who solved what with how many steps."""
    own = [sum(sum(r["frames"].values()) for r in one.values()) for one in singles]
    alone = [all(r["solved"] for r in one.values()) for one in singles]
    choices = [
        sum(sum(r["decisions"].values()) for r in one.values()) for one in singles
    ]
    size = sum(r["parameters"] for r in singles[0].values())
    rows = [
        [
            f"{len(tasks)} networks",
            f"{sum(alone)} of {len(alone)}",
            f"{np.median(own):,.0f}",
            f"{np.median(choices):,.0f}",
            "1",
            f"{size:,}",
        ]
    ]
    for arm, found in records.items():
        frames = np.array([sum(r["frames"].values()) for r in found])
        decisions = [sum(r["decisions"].values()) for r in found]
        ratios = (frames / own)[:, None]
        low, high = bootstrap_interval(ratios)
        rows.append(
            [
                f"one, {arm}",
                f"{sum(r['solved'] for r in found)} of {len(found)}",
                f"{np.median(frames):,.0f}",
                f"{np.median(decisions):,.0f}",
                f"{interquartile_mean(ratios):.2f} [{low:.2f}, {high:.2f}]",
                f"{found[0]['parameters']:,}",
            ]
        )
    header = ["agent", "solved", "steps", "decisions", "ratio of steps", "parameters"]
    return header, rows


def _scores(tasks: Any, singles: Any, records: Any) -> tuple[list[str], list[Any]]:
    rows = [["threshold", *(f"{task.threshold:g}" for task in tasks.values())]]
    alone = [np.mean([one[n]["score"][n] for one in singles]) for n in tasks]
    rows.append([f"{len(tasks)} networks", *(f"{score:.2f}" for score in alone)])
    for arm, found in records.items():
        means = [np.mean([one["score"][n] for one in found]) for n in tasks]
        rows.append([f"one, {arm}", *(f"{score:.2f}" for score in means)])
    return ["agent", *tasks], rows


def _note(tasks: Any, seeds: int) -> str:
    held = [f"{t.hold} for {n}" for n, t in tasks.items() if t.hold > 1]
    text = (
        f"{seeds} seeds. Solved: all tasks pass in the same test. Steps and decisions: "
        "median of the sums over tasks. Ratio: of the steps to those of the networks "
        "of their own, interquartile mean with its 95 % bootstrap interval."
    )
    return text + (f" Steps of a decision: {', '.join(held)}." if held else "")


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
