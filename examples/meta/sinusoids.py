"""Regression of sinusoids from ten points: meta-learned starts against joint training.

    python examples/meta/sinusoids.py [--quick] [--methods maml,anil] [--out DIR]

The protocol of Finn et al. 2017: amplitudes from 0.1 to 5, phases from 0 to π, inputs
from -5 to 5; a network of two hidden layers of 40 ReLU; 10 support points; 25 sinusoids
a step; Adam at 1e-3 for 20,000 steps; one inner step at the rate 0.01. Measured is the
mean squared error on 100 points of 2,000 other sinusoids after 0, 1 and 10 inner steps.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot

import polytask

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
#: Mean squared errors of an independent program after 1 and 10 inner steps.
REFERENCE = {
    "maml": (0.561, 0.209),
    "fomaml": (0.647, 0.219),
    "anil": (0.921, None),
    "joint": (9.3, None),
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


def network(rate: float, seed: int) -> polytask.MultiTaskModel:
    """Return the network of Finn et al., compiled."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((1,))
    h = x
    for _ in range(2):
        h = keras.layers.Dense(40, "relu", kernel_initializer="he_normal")(h)
    model = polytask.MultiTaskModel(
        x, {"y": keras.layers.Dense(1, kernel_initializer="lecun_normal")(h)}
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
    history = trainer.fit(episodes, steps, every=100)
    print(f"{method}: loss {np.mean(history['loss'][-10:]):.3f} at the end of training")
    return trainer


def measured(trainer: polytask.meta.Trainer, tasks: int) -> dict[str, Any]:
    """Return inner steps → mean squared error over test sinusoids, and its interval."""
    x, y = drawn(np.random.default_rng(7), tasks, POINTS + 100)
    support, query = (x[:, :POINTS], y[:, :POINTS]), (x[:, POINTS:], y[:, POINTS:])
    found = {}
    for steps in INNER_STEPS:
        errors = trainer.evaluate(support, query, steps)["y"]
        half = 1.96 * np.std(errors) / np.sqrt(len(errors))
        found[str(steps)] = [float(np.mean(errors)), float(half)]
    return found


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


def draw(results: dict[str, Any], file: Path) -> None:
    """Write the picture: errors by method, and one sinusoid as it is learned."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    for place, (method, found) in enumerate(results.items()):
        for offset, steps in ((-0.17, "1"), (0.17, "10")):
            value, half = found["errors"][steps]
            color = "#1d4ed8" if steps == "10" else "#b45309"
            label = f"{steps} inner step{'s' if steps == '10' else ''}"
            left.errorbar(
                place + offset,
                value,
                half,
                fmt="o",
                color=color,
                label=label if place == 0 else None,
            )
            reference = REFERENCE.get(method, (None, None))[steps == "10"]
            if reference is not None:
                left.plot(place + offset, reference, "+", color="black", markersize=12)
    left.plot([], [], "k+", markersize=12, label="independent program")
    names = [TITLES[method] for method in results]
    left.set_xticks(range(len(results)), names, rotation=20, ha="right")
    left.set_yscale("log")
    left.set_ylabel("mean squared error")
    left.legend()
    first = next(iter(results.values()))["example"]
    right.plot(*first["points"], "ko", label="10 points")
    for steps, values in first["curves"].items():
        right.plot(first["line"], values, label=f"inner steps: {steps}")
    right.set_title(f"One sinusoid, {TITLES[next(iter(results))]}")
    right.legend()
    figure.savefig(file, bbox_inches="tight")
    pyplot.close(figure)


def table(results: dict[str, Any]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| method | 0 steps | 1 step | reference | 10 steps | reference |",
        "|---|---|---|---|---|---|",
    ]
    for method, found in results.items():
        cells = [
            f"{value:.3f} ± {half:.3f}" if half < value else "diverges on some"
            for value, half in found["errors"].values()
        ]
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="200 steps, 100 tests")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/sinusoids"))
    options = parser.parse_args()
    methods = options.methods.split(",")
    for method in methods:
        if method not in METHODS:
            parser.error(f"--methods: {method} is none of {', '.join(METHODS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    results = {}
    for method in methods:
        start = time.process_time()
        trainer = trained(method, 200 if options.quick else 20_000, options.seed)
        results[method] = {
            "errors": measured(trainer, 100 if options.quick else 2_000),
            "example": curves(trainer),
            "seconds": time.process_time() - start,
            "backend": keras.backend.backend(),
        }
        print(f"{method}: {results[method]['errors']}", flush=True)
        file = options.out / "results.json"
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    draw(results, options.out / "sinusoids.svg")
    print(f"\n{table(results)}\n\nResults and picture: {options.out}")


if __name__ == "__main__":
    main()
