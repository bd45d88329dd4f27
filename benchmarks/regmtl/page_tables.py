"""The tables of the page, as Markdown."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from across import Overall
from analysis import (
    BASELINE,
    MULTI_TASK,
    SINGLE_TASK,
    Effect,
    Source,
    Study,
    adjusted,
)
from pictures import MINUS

PAIR = "decay_dropout"
_KINDS = {"linear": "linear", "trees": "trees", "lightgbm": "LightGBM", "svm": "SVM"}
_KINDS["constant"] = "constant"


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def signed(value: float, decimals: int = 1) -> str:
    """Return a change with its sign."""
    return f"{value:+.{decimals}f}".replace("-", MINUS)


def interval(values: tuple[float, float, float], decimals: int = 1) -> str:
    """Return a mean with its interval."""
    mean, low, high = (signed(value, decimals) for value in values)
    return mean if math.isnan(values[1]) else f"{mean} [{low}, {high}]"


def data_table(studies: Sequence[Study]) -> str:
    """Return what was run."""
    rows = []
    for study in studies:
        about = study.records.about
        kinds = {task["kind"] for task in about["tasks"]}
        rows.append(
            [
                study.name,
                str(rows_of(study)),
                str(about["inputs"]),
                f"{len(study.higher)} {'/'.join(sorted(kinds))}",
                str(about["budget"]["epochs"]),
                str(len(study.arms)),
                _repeats(study),
            ]
        )
    heads = ["data", "rows", "inputs", "tasks", "epochs", "arms", "repeats"]
    return markdown(heads, rows)


def rows_of(study: Study) -> int:
    """Return how many rows a data set has."""
    rows = study.records.about["rows"]
    return sum(int(rows[part]) for part in ("train", "validation", "test"))


def _repeats(study: Study) -> str:
    """Return on how many splits the arms were repeated."""
    counts = sorted({len(effect.values) for effect in study.against_none()})
    return " or ".join(map(str, counts))


def arms_table(
    overall: Sequence[Overall],
    effects: Mapping[tuple[str, str], Effect],
    titles: Mapping[str, str],
) -> str:
    """Return the arms across data sets."""
    rows = []
    for row in overall:
        own = [effect for (arm, _), effect in effects.items() if arm == row.arm]
        worst = min(own, key=lambda effect: effect.worst_task[1])
        task, change = worst.worst_task
        counts = [
            sum(effect.verdict == verdict for effect in own)
            for verdict in ("better", "the same", "open", "worse")
        ]
        rows.append(
            [
                titles[row.arm],
                interval(row.interval),
                interval(row.mixed),
                "" if math.isnan(row.rank) else f"{row.rank:.1f}",
                str(row.data),
                " / ".join(map(str, counts)),
                f"{signed(change)} ({worst.data}: {task})",
            ]
        )
    heads = ["arm", "Δm %, mean of data sets [95 %]", "mixed model [95 %]", "mean rank"]
    heads += ["data sets", "better / same / open / worse", "worst task anywhere, %"]
    return markdown(heads, rows)


def sharing_table(studies: Sequence[Study]) -> str:
    """Return multi-task against single-task."""
    columns: dict[str, Callable[[Study], Effect | None]] = {
        "none against none": lambda s: _alike(s, "none"),
        "pair against pair": lambda s: _alike(s, PAIR),
        "chosen arm against the strongest network": _against_networks,
        "chosen arm against the strongest model": _against_models,
    }
    found = {name: [make(s) for s in studies] for name, make in columns.items()}
    by_column = {}
    for name, effects in found.items():
        known = adjusted([effect for effect in effects if effect is not None])
        by_column[name] = known
    rows = []
    for study in studies:
        cells = [study.name, str(rows_of(study)), str(len(study.higher))]
        cells.append(study.titles[study.chosen_arm()])
        for effects in by_column.values():
            own = next((e for e in effects if e.data == study.name), None)
            cells.append("" if own is None else decided(own))
        cells.append(_rivals(study))
        rows.append(cells)
    heads = [
        "data",
        "rows",
        "tasks",
        "chosen arm",
        *by_column,
        "strongest model of the tasks",
    ]
    return markdown(heads, rows)


def sizes_table(
    studies: Sequence[Study], effects: Mapping[tuple[str, str], Effect]
) -> str:
    """Return the effects of the first arms, and of sharing, by rows and tasks."""
    groups = {
        "fewer than 1,000 rows": [s for s in studies if rows_of(s) < 1_000],
        "1,000 rows and more": [s for s in studies if rows_of(s) >= 1_000],
        "2 tasks": [s for s in studies if len(s.higher) == 2],
        "3 to 6 tasks": [s for s in studies if 3 <= len(s.higher) <= 6],
        "7 tasks and more": [s for s in studies if len(s.higher) >= 7],
    }
    arms = ("l1", "l2", "decay", "dropout_trunk", PAIR)
    rows = []
    for group, own in groups.items():
        compared = [[effects[arm, study.name] for study in own] for arm in arms]
        alike = [_alike(study, "none") for study in own]
        compared.append([effect for effect in alike if effect is not None])
        compared.append([_against_networks(study) for study in own])
        medians = [float(np.median([e.mean for e in each])) for each in compared]
        names = ", ".join(study.name for study in own)
        rows.append([group, names, *map(signed, medians)])
    heads = ["size", "data", *(studies[0].titles[arm] for arm in arms)]
    heads += ["none against none", "chosen arm against the strongest network"]
    return markdown(heads, rows)


def _alike(study: Study, arm: str) -> Effect | None:
    if arm not in study.records.about["alone"]:
        return None
    ours, theirs = (study.everywhere(m, arm) for m in (MULTI_TASK, SINGLE_TASK))
    return study.effect(arm, ours, theirs)


def _against_networks(study: Study) -> Effect:
    arm = study.chosen_arm()
    networks = [(SINGLE_TASK, name) for name in study.records.about["alone"]]
    theirs = study.strongest(networks)
    return study.effect(arm, study.everywhere(MULTI_TASK, arm), theirs)


def _against_models(study: Study) -> Effect:
    arm = study.chosen_arm()
    theirs = study.strongest(study.single_task_models())
    return study.effect(arm, study.everywhere(MULTI_TASK, arm), theirs)


def _rivals(study: Study) -> str:
    """Return how often each kind of single-task model is a task's strongest."""
    found = study.strongest(study.single_task_models()).values()
    counts: dict[str, int] = {}
    for model, name in found:
        kind = _KINDS[name] if model == BASELINE else "network"
        counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(f"{kind} {number}" for kind, number in sorted(counts.items()))


class Decidable(Protocol):
    """An interval, and what it comes to."""

    @property
    def interval(self) -> tuple[float, float, float]:
        """Mean, and its ends."""

    @property
    def verdict(self) -> str:
        """`"better"`, `"worse"` or what is neither."""


def decided(effect: Decidable) -> str:
    """Return Δm with its interval, bold where it is decided."""
    text = interval(effect.interval)
    return f"**{text}**" if effect.verdict in ("better", "worse") else text


def models_table(studies: Sequence[Study]) -> str:
    """Return the arm that validation rows choose against each kind of model."""
    kinds = ("linear", "trees", "lightgbm", "svm")
    rows = []
    for study in studies:
        arm = study.chosen_arm()
        ours = study.everywhere(MULTI_TASK, arm)
        cells = []
        for kind in kinds:
            theirs = study.everywhere(BASELINE, kind)
            if not study.has(theirs):
                cells.append("")
                continue
            effect = study.effect(arm, ours, theirs)
            cells.append(decided(adjusted([effect])[0]))
        rows.append([study.name, *cells])
    return markdown(["data", *(f"against {_KINDS[k]}" for k in kinds)], rows)


def default_table(studies: Sequence[Study]) -> str:
    """Return the default of `fit`, which is not tuned, against what is."""
    columns: dict[str, Callable[[Study], Source]] = {
        "no regularization": lambda s: s.everywhere(MULTI_TASK, "none"),
        "chosen arm": lambda s: s.everywhere(MULTI_TASK, s.chosen_arm()),
        "the strongest model of each task": lambda s: s.strongest(
            s.single_task_models()
        ),
    }
    rows = []
    for study in studies:
        ours = study.everywhere(MULTI_TASK, "default")
        effects = [study.effect("default", ours, c(study)) for c in columns.values()]
        cells = [decided(adjusted([effect])[0]) for effect in effects]
        rows.append([study.name, *cells, str(len(effects[0].values))])
    heads = [f"against {name}" for name in columns]
    return markdown(["data", *heads, "repeats"], rows)


def balancers_table(studies: Sequence[Study]) -> str:
    """Return each balancer against equal weights under the same regularization.

    p-values are adjusted over all of the table.
    """
    regularized = ("none", "decay", "dropout")
    pairs = [(b, r) for b in ("nash_mtl", "upgrad", "famo") for r in regularized]
    effects = []
    for balancer, arm in pairs:
        for study in studies:
            ours = study.everywhere(MULTI_TASK, f"{balancer}_{arm}")
            if study.has(ours):
                plain = study.everywhere(MULTI_TASK, arm)
                effects.append(study.effect(f"{balancer}_{arm}", ours, plain))
    found = {(e.arm, e.data): e for e in adjusted(effects)}
    rows = []
    for balancer, arm in pairs:
        own = [found.get((f"{balancer}_{arm}", study.name)) for study in studies]
        rows.append([balancer, arm, *(decided(e) if e else "" for e in own)])
    return markdown(["balancer", "on", *(study.name for study in studies)], rows)


def calibration_table(
    studies: Sequence[Study], arms: Sequence[str], titles: Mapping[str, str]
) -> str:
    """Return log loss and calibration error on test rows, tasks with classes."""
    some = [study for study in studies if study.classes]
    rows = []
    for arm in arms:
        cells = [titles[arm]]
        for study in some:
            loss, error = (
                study.mean_of(MULTI_TASK, arm, metric) for metric in ("loss", "ece")
            )
            cells.append(f"{loss:.3f}, {100 * error:.1f}" if loss == loss else "")
        if any(cells[1:]):
            rows.append(cells)
    return markdown(["arm", *(study.name for study in some)], rows)


def zeros(study: Study, arm: str) -> float:
    """Return the share of weights of a multi-task arm that are exactly zero."""
    runs = study.records.runs
    own = runs[(runs["model"] == MULTI_TASK) & (runs["variant"] == arm)]
    return float(np.mean(own["zeros"] / own["weights"]))


def best_epoch(study: Study, arm: str) -> float:
    """Return the mean epoch that validation rows chose, multi-task."""
    runs = study.records.runs
    own = runs[(runs["model"] == MULTI_TASK) & (runs["variant"] == arm)]
    return float(np.mean(own["best_epoch"]))
