"""The less two tasks have in common, the more a gate for each of them is worth.

The synthetic data of Ma et al. (KDD 2018), section 3.2: two regressions on the same
inputs, with a dial for the correlation of their weights.

    python examples/mmoe_synthetic/mmoe_synthetic.py --out runs/mmoe_synthetic
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import polytask

# What the examples share lies beside their folders.
sys.path.insert(0, str(Path(__file__).parents[2]))

# isort: split
import keras
import numpy as np
from picture import draw

from examples.example_options import example_options
from polytask.lab.metrics.seed_interval import seed_interval
from polytask.layers import MMoE, MoE, SharedBottom

INPUTS = 100
CORRELATIONS = (0.0, 0.5, 1.0)
TASKS = ("first", "second")
NOISE = 0.1
# The best of 0.001, 0.003, 0.01 and 0.03 for every architecture, on other seeds.
LEARNING_RATE = 0.01
# Frequencies and phases of the sines; the paper leaves them open.
FREQUENCIES = np.array([1.0, 2.0, 3.0])
PHASES = np.array([0.0, 1.0, 2.0])
# With towers of 8 units. The mixtures have 14,834 parameters (one-gate: 14,026), the
# wide shared bottom as many, 14,776; the narrow one gives its towers as many features.
ARCHITECTURES: dict[str, Callable] = {
    "wide shared bottom": lambda: SharedBottom(TASKS, units=(126,)),
    "narrow shared bottom": lambda: SharedBottom(TASKS, units=(16,)),
    "one-gate mixture": lambda: MoE(TASKS, experts=8, units=(16,)),
    "MMoE": lambda: MMoE(TASKS, experts=8, units=(16,)),
}


def synthetic(rows: int, correlation: float, seed: int):
    """Return inputs and targets whose weights have the given cosine."""
    rng = np.random.default_rng(seed)
    directions, _ = np.linalg.qr(rng.normal(size=(INPUTS, 2)))
    second = correlation * directions[:, 0]
    second = second + np.sqrt(1 - correlation**2) * directions[:, 1]
    x = rng.normal(size=(rows, INPUTS))
    y = {}
    for task, weights in zip(TASKS, (directions[:, 0], second), strict=True):
        z = (x @ weights)[:, None]
        waves = np.sin(FREQUENCIES * z + PHASES).sum(axis=1)
        noise = NOISE * rng.normal(size=rows)
        y[task] = (z[:, 0] + waves + noise).astype("float32")
    return x.astype("float32"), y


def network(architecture: str) -> polytask.MultiTaskModel:
    """Return an untrained network, from Keras's global seed."""
    x = keras.Input((INPUTS,))
    outputs = {}
    for task, features in ARCHITECTURES[architecture]()(x).items():
        tower = keras.layers.Dense(8, activation="relu")(features)
        outputs[task] = keras.layers.Dense(1)(tower)
    return polytask.MultiTaskModel(x, outputs)


class Trainer:
    """One compiled network, trained again and again from new weights.

    Args:
        architecture: A key of `ARCHITECTURES`.
        epochs: Passes over the training rows.
    """

    def __init__(self, architecture: str, epochs: int) -> None:
        self.architecture = architecture
        self.epochs = epochs
        self.model = network(architecture)
        self.model.compile(keras.optimizers.Adam(LEARNING_RATE), loss="mse")
        self.model.optimizer.build(self.model.trainable_variables)
        self.fresh = [
            np.array(keras.ops.convert_to_numpy(v))
            for v in self.model.optimizer.variables
        ]

    def error(self, rows: int, correlation: float, seed: int) -> float:
        """Return the test error, averaged over the tasks, in units of their variance.

        Data and initial weights follow the seed, so architectures are compared on the
        same data.
        """
        keras.utils.set_random_seed(seed)
        self.model.set_weights(network(self.architecture).get_weights())
        for variable, value in zip(
            self.model.optimizer.variables, self.fresh, strict=True
        ):
            variable.assign(value)
        x, y = synthetic(2 * rows, correlation, seed)
        self.model.fit(
            x[:rows],
            {task: values[:rows] for task, values in y.items()},
            batch_size=256,
            epochs=self.epochs,
            verbose=0,
        )
        found = self.model.predict(x[rows:], batch_size=4096, verbose=0)
        return float(
            np.mean(
                [
                    np.mean((found[t][:, 0] - y[t][rows:]) ** 2) / np.var(y[t][rows:])
                    for t in TASKS
                ]
            )
        )


def main() -> None:
    parser = example_options(__doc__, out="runs/mmoe_synthetic", seeds=20)
    options = parser.parse_args()
    rows, epochs = (2000, 3) if options.quick else (40_000, 4)
    seeds = range(min(options.seeds, 2) if options.quick else options.seeds)
    options.out.mkdir(parents=True, exist_ok=True)
    errors = {}
    for architecture in ARCHITECTURES:
        trainer = Trainer(architecture, epochs)
        print(f"{architecture}: {trainer.model.count_params():,} parameters")
        for correlation in CORRELATIONS:
            found = [trainer.error(rows, correlation, seed) for seed in seeds]
            errors[architecture, correlation] = np.array(found)
            mean, low, high = seed_interval(found)
            print(f"  correlation {correlation}: {mean:.4f} [{low:.4f}, {high:.4f}]")
    advantage = {
        (other, c): 100 * (1 - errors["MMoE", c] / errors[other, c])
        for other in ARCHITECTURES
        if other != "MMoE"
        for c in CORRELATIONS
    }
    print("Error of MMoE below that of the others, in percent:")
    for (other, correlation), values in advantage.items():
        print(f"  {other}, {correlation}: {seed_interval(values).signed()}")
    print("How much more that is at a correlation of 0 than of 1:")
    for other in ARCHITECTURES:
        if other != "MMoE":
            growth = advantage[other, 0.0] - advantage[other, 1.0]
            print(f"  {other}: {seed_interval(growth).signed()}")
    with (options.out / "errors.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["architecture", "correlation", "seed", "error"])
        for (name, correlation), values in errors.items():
            for seed, value in zip(seeds, values, strict=True):
                writer.writerow([name, correlation, seed, value])
    draw(advantage, options.out / "mmoe_synthetic.svg")


if __name__ == "__main__":
    main()
