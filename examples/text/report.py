"""The page of the example: tables and pictures from the stored runs."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from baselines import BASELINES
from matplotlib.figure import Figure

from examples.datasets import TextSet
from examples.page import Page
from polytask.lab.metrics import Interval, seed_interval
from polytask.lab.studies import Experiment, Outcome

Runs = Mapping[str, Mapping[int, Outcome]]

PUBLISHED = "published: adversarial shared-private LSTM"
PUBLISHED_MEAN = 86.1
PLAIN, CHOSEN, SINGLE = "no regularization", "chosen dropout", "single-task networks"
PLACES = ("words", "features")
COLORS = {"words": "#0072b2", "features": "#d55e00"}
GRAY = "#777777"
NONE = ""


def write_report(experiment: Experiment, data: TextSet, is_validation: bool) -> Path:
    """Write `report.html` from what is stored; return its path."""
    runs = experiment.outcomes()
    against = {base: experiment.summary(base) for base in (SINGLE, PLAIN)}
    part = "15 % of the training files" if is_validation else "the official test files"
    best = averaged(runs[CHOSEN], data)
    page = Page(
        "Reviews of sixteen domains",
        f"Mean accuracy {percent(means(runs[CHOSEN]))} with the chosen dropout, "
        f"{means(runs[SINGLE]).mean:.1%} by single-task networks.",
        kind="polytask example",
    )
    page.section("Results")
    page.text(
        f"Accuracy on {part}, mean over the {len(data.task_names)} domains "
        f"({len(data.test):,} texts). ± is the half-width of a 95 % interval over the "
        "seeds. Δm is the mean relative change of the domains' accuracies, paired by "
        "seed, against the single-task and the unregularized networks; the gap is the "
        "same from test to training texts; both in percent."
    )
    rows = [
        row(name, runs[name], *(summary[name] for summary in against.values()))
        for name in runs
    ]
    rows.append(
        [f"{CHOSEN}, seeds averaged", f"{best.mean():.1%}", NONE, NONE, NONE, NONE]
    )
    rows.append([PUBLISHED, f"{PUBLISHED_MEAN} %", NONE, NONE, NONE, NONE])
    page.table(
        ["network", "accuracy, %", "Δm: single-task", "Δm: unregularized", "gap", "s"],
        rows,
        caption="Linear baselines have no seed. A training's seconds are wall-clock "
        "time on a shared machine.",
    )
    page.section("Which rate of dropout")
    page.figure(
        curve(runs),
        "Left: mean test accuracy; right: training minus test accuracy. Bars are 95 % "
        "intervals over the seeds; rate 0 is the network without regularization.",
        "Accuracy and generalization gap against the dropout rate, for dropout of "
        "words and of features.",
    )
    page.section("Domain by domain")
    page.figure(
        by_domain(runs, data),
        "Test accuracy of each domain, mean over the seeds.",
        "Accuracy of each domain for three models.",
    )
    shown = [name for name in (*BASELINES, SINGLE, PLAIN, CHOSEN) if name in runs]
    page.table(
        ["domain", *shown],
        [
            [domain, *(f"{domain_mean(runs[name], domain):.1%}" for name in shown)]
            for domain in data.task_names
        ],
    )
    page.section("The data")
    page.pairs(
        {**{k: v for k, v in data.facts.items() if k != "rows"}, **data.facts["rows"]}
    )
    return page.write(experiment.folder)


def means(outcomes: Mapping[int, Outcome], split: str = "test") -> Interval:
    """Return the mean accuracy over the domains, as an interval over the seeds."""
    return seed_interval([accuracy(outcome, split) for outcome in outcomes.values()])


def accuracy(outcome: Outcome, split: str) -> float:
    """Return the mean accuracy over the domains."""
    return float(np.mean([m["accuracy"] for m in outcome.scores[split].values()]))


def domain_mean(outcomes: Mapping[int, Outcome], domain: str) -> float:
    values = [o.value("test", domain, "accuracy") for o in outcomes.values()]
    return float(np.mean(values))


def averaged(outcomes: Mapping[int, Outcome], data: TextSet) -> np.ndarray:
    """Return each domain's accuracy of the mean probability over the seeds."""
    positive = np.mean([o.extra["test"] for o in outcomes.values()], axis=0)
    right = (positive > 0.5) == (data.test.labels == 1)
    tasks = range(len(data.task_names))
    return np.array([right[data.test.task == task].mean() for task in tasks])


def percent(interval: Interval) -> str:
    if not np.isfinite(interval.low):
        return f"{interval.mean:.1%}"
    return f"{interval.mean:.1%} ± {100 * (interval.high - interval.mean):.1f}"


def signed(interval: Interval) -> str:
    if not np.isfinite(interval.mean):
        return NONE
    return interval.signed()


def row(
    name: str, outcomes: Mapping[int, Outcome], single: object, plain: object
) -> list[str]:
    return [
        name,
        percent(means(outcomes)),
        signed(single.delta_m),
        signed(plain.delta_m),
        signed(plain.gap),
        f"{plain.seconds:.0f}",
    ]


def curve(runs: Runs) -> Figure:
    """Draw accuracy and gap against the rate, for each place of dropout."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for place in PLACES:
        points = [(0.0, runs[PLAIN])] + [
            (float(name.split()[1]), runs[name])
            for name in runs
            if name.split()[0] == place and len(name.split()) == 2
        ]
        points.sort(key=lambda point: point[0])
        rates = [rate for rate, _ in points]
        accuracy = [means(outcomes) for _, outcomes in points]
        gaps = [gap(outcomes) for _, outcomes in points]
        for panel, values in zip(panels, (accuracy, gaps), strict=True):
            middle = np.array([100 * v.mean for v in values])
            half = np.array([100 * (v.high - v.mean) for v in values])
            panel.errorbar(
                rates,
                middle,
                np.nan_to_num(half),
                marker="o",
                markersize=4,
                capsize=3,
                linewidth=1.5,
                color=COLORS[place],
                label=place,
            )
    panels[0].set_ylabel("test accuracy, %")
    panels[1].set_ylabel("training − test accuracy, points")
    best = max((means(runs[name]).mean, name) for name in BASELINES if name in runs)
    panels[0].axhline(100 * best[0], color=GRAY, linestyle="--", linewidth=1)
    panels[0].annotate(
        best[1], (0.0, 100 * best[0]), (2, 3), textcoords="offset points", color=GRAY
    )
    for panel in panels:
        panel.set_xlabel("dropout rate")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False)
    return figure


def gap(outcomes: Mapping[int, Outcome]) -> Interval:
    return seed_interval(
        [accuracy(o, "train") - accuracy(o, "test") for o in outcomes.values()]
    )


def by_domain(runs: Runs, data: TextSet) -> Figure:
    """Draw the accuracy of each domain for three models."""
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    panel = figure.subplots()
    order = sorted(data.task_names, key=lambda d: domain_mean(runs[CHOSEN], d))
    marks = {
        "linear, shared + private": ("|", "#000000"),
        SINGLE: ("o", "#d55e00"),
        CHOSEN: ("D", "#0072b2"),
    }
    for name, (mark, color) in marks.items():
        values = [100 * domain_mean(runs[name], domain) for domain in order]
        panel.plot(values, order, mark, color=color, label=name, markersize=7)
    panel.set_xlabel("test accuracy, %")
    panel.grid(axis="y", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)
    panel.legend(frameon=False, loc="upper left")
    return figure
