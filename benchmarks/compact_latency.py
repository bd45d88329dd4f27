"""Latency of `predict` after group lasso and `polytask.compact`, by the units left.

    python benchmarks/compact_latency.py [--rows 4096] [--repeats 30] [--out FILE]

A network with two shared layers of 512 units and two tasks is trained on synthetic
data with a group lasso per unit, at rising strengths. Each is compacted, and both the
full and the compact network predict the same rows. The time is the shortest of repeats
that alternate between the networks.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import polytask  # before Keras: chooses the backend if only one is installed

import keras  # isort: skip
import numpy as np

INPUTS, WIDTH, TASKS = 200, 512, ("a", "b")
STRENGTHS = (0.0, 1e-4, 2e-4, 4e-4, 6e-4, 1e-3, 2e-3)


def data(rows: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return inputs and targets that depend on ten of them."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, INPUTS)).astype("float32")
    hidden = np.tanh(x[:, :10] @ random.normal(size=(10, 16)) / 3)
    y = hidden @ random.normal(size=(16, len(TASKS))) / 4
    return x, {task: y[:, [k]].astype("float32") for k, task in enumerate(TASKS)}


def trained(strength: float, x: np.ndarray, y: dict[str, np.ndarray], epochs: int):
    """Return a network trained with a group lasso on the weights into each unit."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((INPUTS,))
    h = inputs
    for _ in range(2):
        penalty = polytask.regularizers.GroupLasso(strength, groups="units")
        layer = keras.layers.Dense(
            WIDTH, activation="relu", kernel_regularizer=penalty if strength else None
        )
        h = layer(h)
    model = polytask.MultiTaskModel(
        inputs, {task: keras.layers.Dense(1, name=task)(h) for task in TASKS}
    )
    model.compile(keras.optimizers.Adam(1e-3), loss="mse")
    model.fit(x, y, batch_size=256, epochs=epochs, verbose=0)
    return model


def shortest_times(models: list, x: np.ndarray, repeats: int) -> list[float]:
    """Return seconds of a prediction of all rows, the models taken in turn."""
    times: list[list[float]] = [[] for _ in models]
    for repeat in range(repeats + 2):
        for k, model in enumerate(models):
            start = time.perf_counter()
            model.predict(x, batch_size=len(x), verbose=0)
            # The first calls compile.
            if repeat >= 2:
                times[k].append(time.perf_counter() - start)
    return [min(t) for t in times]


def units(model: keras.Model) -> list[int]:
    """Return the widths of the hidden layers."""
    layers = [v for v in model.layers if isinstance(v, keras.layers.Dense)]
    return [layer.units for layer in layers if layer.name not in TASKS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4096, help="rows of a prediction")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    options = parser.parse_args()
    inputs, outputs = data(8192)
    x, y = inputs[:4096], {task: target[:4096] for task, target in outputs.items()}
    fresh = inputs[4096:]
    targets = {task: target[4096:] for task, target in outputs.items()}
    rows = np.resize(x, (options.rows, INPUTS))
    found = {}
    for strength in STRENGTHS:
        model = trained(strength, x, y, options.epochs)
        small = polytask.compact(model)
        full_time, small_time = shortest_times([model, small], rows, options.repeats)
        guesses = model.predict(fresh, batch_size=4096, verbose=0)
        errors = [np.mean((guesses[t] - targets[t]) ** 2) for t in TASKS]
        difference = max(
            float(np.abs(model.predict(rows, verbose=0)[t] - p).max())
            for t, p in small.predict(rows, verbose=0).items()
        )
        row = {
            "strength": strength,
            "units": units(small),
            "parameters": small.count_params(),
            "test_mse": float(np.mean(errors)),
            "full_ms": 1e3 * full_time,
            "compact_ms": 1e3 * small_time,
            "largest_difference": difference,
        }
        found[f"{strength:g}"] = row
        print(json.dumps(row), flush=True)
    if options.out:
        about = {
            "rows": options.rows,
            "repeats": options.repeats,
            "backend": keras.backend.backend(),
            "processor": platform.processor() or platform.machine(),
        }
        text = json.dumps({"about": about, "rows": found}, indent=1)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
