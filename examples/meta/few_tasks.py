"""Regularizers of meta-learning: starts from few sinusoids, and for other ones.

    python examples/meta/few_tasks.py [--quick] [--seeds N] [--jobs N]

MAML learns a start from 20 sinusoids of 40 points each, by one inner step at the rate
0.01 from 10 points; two hidden layers of 40 ReLU, 25 episodes a step, Adam at 1e-3 for
4,000 steps. It is measured by the mean squared error on 1,000 other sinusoids after
that step. A regularizer has three strengths, TaskNorm none; each seed, which also
draws the 20, takes the one with the least error on 200 sinusoids of its own.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot

sys.path.insert(0, str(Path(__file__).parents[2]))
from draws import interval
from sinusoids import POINTS, drawn, normal

import polytask
from examples.example_options import example_options
from examples.jobs import results

TASKS, ROWS, PER_STEP = 20, 40, 25
NONE = "none"
#: Regularizer → its candidates, options of `network`, `Trainer` or `TaskAugmentation`.
CANDIDATES: dict[str, list[dict[str, Any]]] = {
    NONE: [{}],
    "decay": [{"decay": d} for d in (0.1, 1.0, 10.0)],
    "dropout, inner loop": [{"rate": r, "dropout": "inner"} for r in (0.05, 0.1, 0.2)],
    "dropout, outer loss": [{"rate": r, "dropout": "outer"} for r in (0.05, 0.1, 0.2)],
    "TaskNorm": [{"task_norm": True}],
    "labels shifted": [{"shift": s} for s in (0.5, 1.0, 2.0)],
    "labels scaled": [{"scale": s} for s in (0.25, 0.5, 1.0)],
    "500 sinusoids": [{"tasks": 500}],
}


def network(decay: float, rate: float, task_norm: bool) -> polytask.MultiTaskModel:
    """Return the network of Finn et al., compiled, with what regularizes it.

    Args:
        decay: Decoupled weight decay of the start.
        rate: Of dropout after each hidden layer.
        task_norm: Whether hidden layers are normalized by TaskNorm.
    """
    x = keras.Input((1,), name="x")
    known = keras.Input((), name="known")
    h = x
    for _ in range(2):
        h = keras.layers.Dense(40, kernel_initializer=normal(2.0))(h)
        if task_norm:
            h = polytask.layers.TaskNormalization()(h, known)
        h = keras.layers.Activation("relu")(h)
        if rate:
            h = keras.layers.Dropout(rate)(h)
    model = polytask.MultiTaskModel(
        {"x": x, "known": known},
        {"y": keras.layers.Dense(1, kernel_initializer=normal(1.0))(h)},
    )
    model.compile(keras.optimizers.Adam(1e-3), loss="mse", weight_decay=decay or None)
    return model


def sources(random: np.random.Generator, count: int, rows: int) -> dict[str, Any]:
    """Return some sinusoids as data sets."""
    x, y = drawn(random, count, rows)
    return {str(t): ({"x": x[t]}, {"y": y[t]}) for t in range(count)}


def error(trainer: polytask.meta.Trainer, seed: int, count: int) -> float:
    """Return the mean squared error on sinusoids that are drawn from a seed."""
    new = sources(np.random.default_rng(seed), count, POINTS + 100)
    # Every data set once: each batch draws them without replacement.
    episodes = polytask.meta.Episodes(
        new, POINTS, 100, per_step=count, context="known", seed=seed
    )
    return float(np.mean(trainer.evaluate(*episodes.draw())["y"]))


def measured(
    arm: str, place: int, seed: int, steps: int, tests: int
) -> dict[str, float]:
    """Train a start with a candidate of a regularizer, and return its errors.

    Args:
        arm: The regularizer.
        place: Of its candidate.
        seed: Of the training sinusoids, the weights and the draws.
        steps: Of the outer loop.
        tests: Number of test sinusoids.
    """
    start = time.process_time()
    options = {"decay": 0.0, "rate": 0.0, "task_norm": False, "tasks": TASKS}
    options |= CANDIDATES[arm][place]
    keras.utils.set_random_seed(seed)
    model = network(options["decay"], options["rate"], options["task_norm"])
    trainer = polytask.meta.Trainer(
        model,
        inner_rate=0.01,
        dropout=options.get("dropout", "off"),
        seed=seed,
    )
    known = sources(np.random.default_rng(seed), options["tasks"], ROWS)
    episodes = polytask.meta.Episodes(
        known, POINTS, POINTS, PER_STEP, seed=seed, context="known"
    )
    more = {name: options.get(name, 0.0) for name in ("shift", "scale")}
    augmented = polytask.meta.TaskAugmentation(episodes, **more, seed=seed)
    trainer.fit(augmented, steps, every=100)
    found = {
        "validation": error(trainer, 10_000 + seed, 200),
        "test": error(trainer, 7, tests),
    }
    shown = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
    seconds = time.process_time() - start
    print(f"{arm} {place}, seed {seed}: {shown}, {seconds:.0f} s", flush=True)
    return found


def chosen(runs: Sequence[Mapping[str, float]]) -> float:
    """Return the test error of the candidate that validation sinusoids choose."""
    return min(runs, key=lambda run: run["validation"])["test"]


def table(errors: Mapping[str, np.ndarray], file: Path) -> str:
    """Return errors by regularizer as a Markdown table, and draw their ratios.

    A start whose inner loop diverges on some sinusoids has an error far above the
    others', so that means are those of logarithms.
    """
    lines = ["| | error | ÷ that of none [95 %] |", "|---|---|---|"]
    figure, axes = pyplot.subplots(figsize=(6, 3.6))
    for place, (arm, own) in enumerate(errors.items()):
        apart, half = interval(np.log(own / errors[NONE]))
        ratio, low, high = np.exp([apart, apart - half, apart + half])
        shown = f"{ratio:.2f} [{low:.2f}, {high:.2f}]" if arm != NONE else ""
        lines.append(f"| {arm} | {np.exp(np.log(own).mean()):.2f} | {shown} |")
        ends = [[ratio - low], [high - ratio]]
        axes.errorbar(ratio, -place, xerr=ends, fmt="o", capsize=3)
    axes.axvline(1, color="gray", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:.1f}")
    axes.xaxis.set_minor_formatter("{x:.1f}")
    axes.set_yticks(-np.arange(len(errors)), list(errors))
    axes.set_xlabel("mean squared error on new sinusoids ÷ that of none")
    figure.savefig(file, bbox_inches="tight")
    pyplot.close(figure)
    return "\n".join(lines)


def main() -> None:
    parser = example_options(
        __doc__, out="runs/few_tasks", seeds=5, data=False, jobs=True
    )
    options = parser.parse_args()
    steps, tests, seeds, arms = 4_000, 1_000, options.seeds, CANDIDATES
    if options.quick:
        arms = {arm: CANDIDATES[arm][:1] for arm in (NONE, "labels shifted")}
        steps, tests, seeds = 100, 200, 1
    options.out.mkdir(parents=True, exist_ok=True)
    calls = [
        (arm, place, seed, steps, tests)
        for arm, candidates in arms.items()
        for place in range(len(candidates))
        for seed in range(seeds)
    ]
    found: dict[str, Any] = {arm: [[] for _ in range(seeds)] for arm in arms}
    each = results(measured, calls, options.jobs)
    for (arm, _, seed, *_), one in zip(calls, each, strict=True):
        found[arm][seed].append(one)
    file = options.out / "results.json"
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    errors = {arm: np.array([chosen(r) for r in own]) for arm, own in found.items()}
    shown = table(errors, options.out / "few_tasks.svg")
    print(f"\n{shown}\n\nResults and picture: {options.out}")


if __name__ == "__main__":
    main()
