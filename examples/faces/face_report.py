"""One page: what was trained, what it scored, and what it sees in test pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from face_data import Faces
from face_scores import METRICS, box_iou, landmark_errors
from matplotlib.figure import Figure

from examples.page import Page
from polytask.lab.studies import Experiment, Outcome

BASELINES = ("single-task", "unregularized")
POSES = ("left profile", "left", "frontal", "right", "right profile")
SHOWN = 16
TRUE, GUESSED = "#2a9d3a", "#d1495b"


def write_report(
    experiment: Experiment, full: Outcome, data: Faces, trained_on: str
) -> Path:
    """Write `report.html`, plots and Markdown tables into the folder of the results.

    Args:
        experiment: The comparison.
        full: Of the network that was trained on all rows.
        data: All rows.
        trained_on: The rows that the networks of the comparison were trained on.
    """
    out = experiment.folder
    landmarks, iou, identity = (
        full.value("test", task, METRICS[task])
        for task in ("landmarks", "box", "identity")
    )
    page = Page(
        "Faces: detection, landmarks, recognition, attributes",
        lead=f"One network, eight tasks. Trained on all rows, it places five landmarks "
        f"with an error of {landmarks:.3f} of the inter-ocular distance, boxes with an "
        f"IoU of {iou:.3f}, and names {identity:.1%} of the faces.",
        kind="Example",
    )
    page.section("What the network sees")
    predicted = full.extra["predicted"]
    page.figure(
        _faces(predicted["mtfl"], data),
        "The first test faces of MTFL (AFLW): true landmarks green, predicted red.",
    )
    page.figure(
        _frames(predicted["youtube"], data),
        "Test frames of YouTube Faces, of videos never trained on: true box green, "
        "predicted red, with their intersection over union.",
    )
    page.section("All rows")
    page.table(
        ["task", "metric", "training", "test"],
        [
            [
                task,
                metric,
                *(f"{full.value(s, task, metric):.3f}" for s in ("train", "test")),
            ]
            for task in METRICS
            for metric in full.scores["test"][task]
        ],
        f"The regularized network, trained once on all rows in {full.seconds:.0f} s.",
    )
    page.section("Single-task, unregularized, regularized")
    for baseline in (name for name in BASELINES if name in experiment.outcomes()):
        header, rows = table(experiment, baseline)
        (out / f"against {baseline}.md").write_text(markdown(header, rows), "utf-8")
        page.table(
            header,
            rows,
            f"Trained on {trained_on}. Means over seeds; Δm in percent against "
            f"{baseline}, and the gap between training and test, with 95 % intervals.",
        )
        figure = delta_figure(experiment, baseline)
        figure.savefig(out / f"delta {baseline}.svg", metadata={"Date": None})
        page.figure(figure, f"Δm against {baseline}, with 95 % intervals.")
    page.section("Data and terms")
    page.pairs(
        {
            f"{part} rows": ", ".join(f"{s} {n:,}" for s, n in counts.items())
            for part, counts in data.facts["rows"].items()
        }
    )
    page.pairs(data.facts["terms"])
    page.text(
        "The pictures on this page come from these data sets: keep the page to "
        "yourself, as their terms allow research only."
    )
    return page.write(out)


def table(experiment: Experiment, baseline: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: each task's metric, Δm and gap of every variant."""
    header = ["network", *METRICS, "Δm", "gap", "seeds", "seconds"]
    rows = [
        [
            name,
            *(f"{summary.metrics[task].mean:.3f}" for task in METRICS),
            summary.delta_m.signed() if name != baseline else "",
            summary.gap.signed(),
            str(summary.seeds),
            f"{summary.seconds:.0f}",
        ]
        for name, summary in experiment.summary(baseline).items()
    ]
    return header, rows


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Return a table as the README beside this file shows it."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def delta_figure(experiment: Experiment, baseline: str) -> Figure:
    """Plot Δm of each variant against a baseline."""
    found = experiment.summary(baseline)
    names = [name for name in found if name != baseline]
    figure = Figure(figsize=(7, 0.4 * len(names) + 1), layout="constrained")
    axes = figure.subplots()
    for place, name in enumerate(reversed(names)):
        delta = found[name].delta_m
        axes.plot([delta.low, delta.high], [place, place], color="#30638e", lw=2)
        axes.plot(delta.mean, place, "o", color="#30638e")
    axes.axvline(0, color="0.6", lw=1)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xlabel(f"Δm against {baseline}, %")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _grid(pictures: np.ndarray) -> tuple[Any, list[Any]]:
    columns = 8
    figure = Figure(figsize=(12, 3.7))
    axes = figure.subplots(-(-len(pictures) // columns), columns, squeeze=False)
    side = pictures.shape[1]
    for axis in axes.ravel():
        axis.axis("off")
    for axis, picture in zip(axes.ravel(), pictures, strict=False):
        extent = (0, side, side, 0)
        axis.imshow(picture[..., 0], cmap="gray", vmin=0, vmax=1, extent=extent)
    return figure, list(axes.ravel()[: len(pictures)])


def _faces(predicted: dict[str, list], data: Faces) -> Any:
    pictures, labels = data.test["mtfl"]
    figure, axes = _grid(pictures[:SHOWN])
    side = pictures.shape[1]
    outputs = {task: np.array(values[:SHOWN]) for task, values in predicted.items()}
    errors = landmark_errors(labels["landmarks"][:SHOWN], outputs["landmarks"][:SHOWN])
    for row, axis in enumerate(axes):
        for points, color in (
            (labels["landmarks"][row], TRUE),
            (outputs["landmarks"][row], GUESSED),
        ):
            x, y = points.reshape(5, 2).T * side
            axis.plot(x, y, ".", color=color, markersize=5)
        words = [
            "male" if outputs["gender"][row, 0] > 0.5 else "female",
            *(t for t in ("smile", "glasses") if outputs[t][row, 0] > 0.5),
            POSES[outputs["pose"][row].argmax()],
        ]
        axis.set_title(f"{', '.join(words)}\nerror {errors[row]:.2f}", fontsize=7)
    return figure


def _frames(predicted: dict[str, list], data: Faces) -> Any:
    pictures, labels = data.test["youtube"]
    boxes = np.array(predicted["box"])
    # One frame of each of the first videos.
    rows = np.unique(np.linspace(0, len(boxes) - 1, SHOWN).astype(int))
    figure, axes = _grid(pictures[rows])
    shares = box_iou(labels["box"][rows], boxes[rows])
    side = pictures.shape[1]
    for place, (row, axis) in enumerate(zip(rows, axes, strict=True)):
        for box, color in ((labels["box"][row], TRUE), (boxes[row], GUESSED)):
            x0, y0, x1, y1 = box * side
            axis.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=color, lw=1.5)
        axis.set_title(f"IoU {shares[place]:.2f}", fontsize=7)
    return figure
