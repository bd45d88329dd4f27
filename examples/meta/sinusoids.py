"""Regression of sinusoids from ten points: meta-learned starts against joint training.

    python examples/meta/sinusoids.py [--quick] [--methods maml,anil] [--seeds N]

The protocol of Finn et al. 2017: amplitudes from 0.1 to 5, phases from 0 to π, inputs
from -5 to 5; a network of two hidden layers of 40 ReLU; 10 support points; 25 sinusoids
a step; Adam at 1e-3 for 20,000 steps; one inner step at the rate 0.01. Measured is the
mean squared error on 100 points of 2,000 other sinusoids after 0, 1 and 10 inner steps.
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot

sys.path.insert(0, str(Path(__file__).parents[2]))
from draws import interval

import polytask
from examples.example_options import example_options
from examples.jobs import results

POINTS, PER_STEP = 10, 25
INNER_STEPS = (0, 1, 10)
METHODS = ("maml", "fomaml", "anil", "meta_sgd", "reptile", "joint")
TITLES = {
    "maml": "MAML",
    "fomaml": "first-order MAML",
    "anil": "ANIL",
    "meta_sgd": "Meta-SGD",
    "reptile": "Reptile",
    "joint": "joint training",
}
#: Mean squared errors of an independent program after 1 and 10 inner steps: means over
#: ten seeds; over five for joint training, whose errors are from 2.9 to 17.9.
REFERENCE = {
    "maml": (0.449, 0.139),
    "fomaml": (0.570, 0.174),
    "anil": (0.913, None),
    "joint": (8.15, None),
}
#: Reptile takes several inner steps in training; the others one.
TRAINING_STEPS = {"reptile": 5}
#: As long an outer step as Adam's, along ways that are as short as the inner rate.
OUTER_RATES = {"reptile": 1e-3}


def sinusoids(seed: int) -> Iterator[Any]:
    """Yield batches of training episodes."""
    random = np.random.default_rng(seed)
    while True:
        x, y = drawn(random, PER_STEP, 2 * POINTS)
        yield (x[:, :POINTS], y[:, :POINTS]), (x[:, POINTS:], y[:, POINTS:])


def drawn(random: np.random.Generator, tasks: int, points: int) -> Any:
    """Return inputs and targets of some sinusoids, each (tasks, points, 1)."""
    amplitude = random.uniform(0.1, 5.0, (tasks, 1, 1))
    phase = random.uniform(0.0, np.pi, (tasks, 1, 1))
    x = random.uniform(-5.0, 5.0, (tasks, points, 1))
    y = amplitude * np.sin(x - phase)
    return x.astype("float32"), y.astype("float32")


def normal(scale: float) -> keras.initializers.Initializer:
    """Return normal weights with the variance scale / inputs, as the reference has."""
    return keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal")


def network(rate: float, seed: int) -> polytask.MultiTaskModel:
    """Return the network of Finn et al., compiled."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((1,))
    h = x
    for _ in range(2):
        h = keras.layers.Dense(40, "relu", kernel_initializer=normal(2.0))(h)
    model = polytask.MultiTaskModel(
        x, {"y": keras.layers.Dense(1, kernel_initializer=normal(1.0))(h)}
    )
    model.compile(keras.optimizers.Adam(rate), loss="mse")
    return model


def trained(method: str, steps: int, seed: int) -> polytask.meta.Trainer:
    """Return the trainer of a method after its training."""
    model = network(OUTER_RATES.get(method, 1e-3), seed)
    episodes = sinusoids(seed + 1)
    if method == "joint":

        def batches() -> Iterator[Any]:
            for support, query in episodes:
                yield tuple(
                    np.concatenate(pair, axis=1).reshape(-1, 1)
                    for pair in zip(support, query, strict=True)
                )

        model.fit(batches(), steps_per_epoch=steps, shuffle=False, verbose=0)
        return polytask.meta.Trainer(model)
    trainer = polytask.meta.Trainer(
        model, method, inner_steps=TRAINING_STEPS.get(method, 1)
    )
    trainer.fit(episodes, steps, every=100)
    return trainer


def measured(method: str, seed: int, steps: int, tests: int) -> dict[str, Any]:
    """Train a start and return what it comes to.

    Args:
        method: One of `METHODS`.
        seed: Of weights and training sinusoids.
        steps: Of the outer loop.
        tests: Number of test sinusoids, the same for all seeds.

    Returns:
        `"errors"`, inner steps → mean squared error over the test sinusoids and the
        half width of its interval over them; `"seconds"` of CPU; and, for seed 0, an
        `"example"`.
    """
    start = time.process_time()
    trainer = trained(method, steps, seed)
    x, y = drawn(np.random.default_rng(7), tests, POINTS + 100)
    support, query = (x[:, :POINTS], y[:, :POINTS]), (x[:, POINTS:], y[:, POINTS:])
    found: dict[str, Any] = {"errors": {}}
    for count in INNER_STEPS:
        errors = trainer.evaluate(support, query, count)["y"]
        half = 1.96 * np.std(errors) / np.sqrt(len(errors))
        found["errors"][str(count)] = [float(np.mean(errors)), float(half)]
    if seed == 0:
        found["example"] = curves(trainer)
    found["seconds"] = round(time.process_time() - start, 1)
    print(f"{method}, seed {seed}: {found['errors']}, {found['seconds']} s", flush=True)
    return found


def summary(
    runs: Sequence[Mapping[str, Any]], steps: str
) -> tuple[float, float] | None:
    """Return a mean error and the half width of its 95 % interval.

    Args:
        runs: What was measured, by seed.
        steps: Number of inner steps.

    Returns:
        Over seeds where there are several, over test sinusoids where there is one; None
        if any seed diverges on some sinusoids, so that a mean says nothing.
    """
    errors = [run["errors"][steps] for run in runs]
    if any(not half < mean for mean, half in errors):
        return None
    return interval([mean for mean, _ in errors]) if len(errors) > 1 else errors[0]


def curves(trainer: polytask.meta.Trainer) -> dict[str, Any]:
    """Return one test sinusoid with what the model says after each number of steps."""
    x, y = drawn(np.random.default_rng(11), 1, POINTS)
    line = np.linspace(-5, 5, 200, dtype="float32")[:, None]
    models = {s: trainer.adapted(x[0], y[0], steps=s) for s in INNER_STEPS}
    return {
        "points": [x[0, :, 0].tolist(), y[0, :, 0].tolist()],
        "line": line[:, 0].tolist(),
        "curves": {
            str(s): keras.ops.convert_to_numpy(m(line)["y"])[:, 0].tolist()
            for s, m in models.items()
        },
    }


def draw(found: Mapping[str, Sequence[Mapping[str, Any]]], file: Path) -> None:
    """Write the picture: errors by method, and one sinusoid as it is learned."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    for steps, offset, color in (("1", -0.17, "#b45309"), ("10", 0.17, "#1d4ed8")):
        left.plot([], [], "o", color=color, label=f"inner steps: {steps}")
        for place, (method, runs) in enumerate(found.items()):
            own = summary(runs, steps)
            if own is not None:
                left.errorbar(place + offset, *own, fmt="o", color=color)
            reference = REFERENCE.get(method, (None, None))[steps == "10"]
            if reference is not None:
                left.plot(place + offset, reference, "+", color="black", markersize=12)
    left.plot([], [], "k+", markersize=12, label="independent program")
    names = [TITLES[method] for method in found]
    left.set_xticks(range(len(found)), names, rotation=20, ha="right")
    left.set_yscale("log")
    left.set_ylabel("mean squared error")
    left.legend()
    first = next(iter(found.values()))[0]["example"]
    right.plot(*first["points"], "ko", label="10 points")
    for steps, values in first["curves"].items():
        right.plot(first["line"], values, label=f"inner steps: {steps}")
    right.set_title(f"One sinusoid, {TITLES[next(iter(found))]}")
    right.legend()
    figure.savefig(file, bbox_inches="tight")
    pyplot.close(figure)


def table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| method | 0 steps | 1 step | reference | 10 steps | reference |",
        "|---|---|---|---|---|---|",
    ]
    for method, runs in found.items():
        cells = []
        for steps in map(str, INNER_STEPS):
            own = summary(runs, steps)
            cells.append(
                "diverges on some" if own is None else "{:.3f} ± {:.3f}".format(*own)
            )
        one, ten = (
            "" if value is None else f"{value:.3f}"
            for value in REFERENCE.get(method, (None, None))
        )
        lines.append(
            f"| {TITLES[method]} | {cells[0]} | {cells[1]} | {one} | {cells[2]} | "
            f"{ten} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = example_options(
        __doc__, out="runs/sinusoids", seeds=5, data=False, jobs=True
    )
    parser.add_argument("--methods", default=",".join(METHODS))
    options = parser.parse_args()
    methods = options.methods.split(",")
    for method in methods:
        if method not in METHODS:
            parser.error(f"--methods: {method} is none of {', '.join(METHODS)}")
    steps, tests, seeds = 20_000, 2_000, options.seeds
    if options.quick:
        steps, tests, seeds = 200, 100, 1
    options.out.mkdir(parents=True, exist_ok=True)
    calls = [(m, seed, steps, tests) for m in methods for seed in range(seeds)]
    found: dict[str, list[dict[str, Any]]] = {}
    each = results(measured, calls, options.jobs)
    for (method, *_), one in zip(calls, each, strict=True):
        found.setdefault(method, []).append(one)
        file = options.out / "results.json"
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(found, options.out / "sinusoids.svg")
    print(
        f"\n{keras.backend.backend()}, {seeds} seeds:\n\n{table(found)}\n\n"
        f"Results and picture: {options.out}"
    )


if __name__ == "__main__":
    main()
