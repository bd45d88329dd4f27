"""Strengths that are learned on held-out pupils, one for each of 139 schools.

    python examples/meta/learned_strengths.py --data-dir DIR [--splits N] [--quick]

`DIR` holds `school.mat`, see examples/school. School t has the weights w + v_t and an
intercept; the penalty λ_t/2 ‖v_t‖² says how far it may be from the weights w of all.
Half of each school's pupils train, a quarter validate and a quarter test, drawn anew
for each split. Strengths are chosen on the first two parts. Then every model is fitted
to both, exactly, and measured by the RMSE of each school, weighted by its test pupils.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import keras
import matplotlib

matplotlib.use("Agg")
import numpy as np
from keras import ops
from matplotlib import pyplot
from sklearn.linear_model import RidgeCV

sys.path.insert(0, str(Path(__file__).parents[1] / "school"))
from school import load

import polytask
from polytask.lab.metrics.repeats import repeat_interval

GRID = np.logspace(-2.0, 2.0, 13)
#: Strengths of ridge toward zero.
RIDGE_GRID = np.logspace(-1.0, 4.0, 16)
#: Method → how hypergradients are taken, and whether each school has its strength.
LEARNED = {
    "one": ("implicit", False),
    "one_step": ("one_step", True),
    "implicit": ("implicit", True),
}
TITLES = {
    "none": "no regularization",
    "ridge": "ridge for each school, cross-validated",
    "pooled": "one ridge for all schools",
    "endless": "weights of all, own intercepts",
    "common": "one strength, from a grid",
    "one": "one strength, implicit hypergradients",
    "each": "own strengths, from a grid school by school",
    "one_step": "own strengths, one-step hypergradients",
    "implicit": "own strengths, implicit hypergradients",
}

Schools = list[tuple[np.ndarray, np.ndarray]]
#: Common weights, (schools, inputs) deviations from them, intercepts.
Fit = tuple[np.ndarray, np.ndarray, np.ndarray]


def split(xs: list[Any], ys: list[Any], seed: int) -> tuple[list[Schools], float]:
    """Return training, validation and test pupils, and the unit of their scores."""
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(y)) for y in ys]
    rows = [np.split(o, [len(o) // 2, 3 * len(o) // 4]) for o in orders]
    known = [np.concatenate(own[:2]) for own in rows]
    x = np.concatenate([x[own] for x, own in zip(xs, known, strict=True)])
    y = np.concatenate([y[own] for y, own in zip(ys, known, strict=True)])
    spread, unit = np.where(x.std(axis=0) == 0, 1.0, x.std(axis=0)), y.std()
    parts = [
        [
            ((x_t[own[k]] - x.mean(axis=0)) / spread, (y_t[own[k]] - y.mean()) / unit)
            for x_t, y_t, own in zip(xs, ys, rows, strict=True)
        ]
        for k in range(3)
    ]
    return parts, float(unit)


def fitted(schools: Schools, strengths: np.ndarray) -> Fit:
    """Return the minimum of Σ_t Σ (y - f)² + n_t λ_t/2 ‖v_t‖²."""
    solved, means = [], [(x.mean(axis=0), y.mean()) for x, y in schools]
    for (x, y), (x_mean, y_mean), s in zip(schools, means, strengths, strict=True):
        x = x - x_mean
        h, g = x.T @ x / len(y), x.T @ (y - y_mean) / len(y)
        # v_t = (H_t + λ_t/2)⁻¹ (g_t - H_t w), and the n_t λ_t v_t sum to 0.
        both = np.linalg.solve(h + s / 2 * np.eye(len(g)), np.column_stack([h, g]))
        solved.append((len(y) * s * both, both))
    total = sum(weighted for weighted, _ in solved)
    common = np.linalg.lstsq(total[:, :-1], total[:, -1], rcond=None)[0]
    own = np.array([both[:, -1] - both[:, :-1] @ common for _, both in solved])
    pairs = zip(means, own, strict=True)
    return common, own, np.array([y - x @ (common + v) for (x, y), v in pairs])


def ridge(schools: Schools) -> Fit:
    """Return ridge for each school, its strength by leave-one-out."""
    models = [RidgeCV(RIDGE_GRID).fit(x, y) for x, y in schools]
    own = np.array([model.coef_ for model in models])
    return np.zeros(own.shape[1]), own, np.array([m.intercept_ for m in models])


def mean_squares(schools: Schools, fit: Fit) -> np.ndarray:
    """Return each school's mean squared error."""
    pairs = zip(schools, fit[1], fit[2], strict=True)
    return np.array(
        [np.mean((x @ (fit[0] + v) + b - y) ** 2) for (x, y), v, b in pairs]
    )


def stacked(schools: Schools) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pupils: inputs, scores, number of the school."""
    x, y = (np.concatenate(part) for part in zip(*schools, strict=True))
    return x, y, np.repeat(np.arange(len(schools)), [len(y) for _, y in schools])


class Deviations(keras.regularizers.Regularizer):
    """Σ_t share_t λ_t/2 ‖row t‖², each λ_t a knob of its own, or one for all."""

    def __init__(self, strength: float, shares: np.ndarray, own: bool) -> None:
        self.shares = shares.astype("float32")
        self.names = [f"school_{t}" for t in range(len(shares) if own else 1)]
        # Training finds the knobs that a penalty has as attributes.
        vars(self).update({n: polytask.Knob(strength, name=n) for n in self.names})

    def __call__(self, rows: Any) -> Any:
        """Return the penalty of (schools, inputs) deviations."""
        strengths = ops.stack([getattr(self, name).value for name in self.names])
        squares = ops.sum(ops.square(rows), axis=1)
        return 0.5 * ops.sum(self.shares * strengths * squares)


def learned(
    training: Schools,
    validation: Schools,
    start: float,
    method: tuple[str, bool],
    rounds: int,
) -> np.ndarray:
    """Return strengths that a network has learned by hypergradients.

    Args:
        training: Pupils that train.
        validation: Pupils that validate.
        start: Where all strengths begin; the weights begin at the minimum for it.
        method: As in `LEARNED`.
        rounds: How often the strengths move.
    """
    # Around a school's means no intercept is needed.
    means = [(x.mean(axis=0), y.mean()) for x, y in training]
    (x, y, school), (new_x, new_y, new_school) = (
        stacked([(x - a, y - b) for (x, y), (a, b) in zip(part, means, strict=True)])
        for part in (training, validation)
    )
    count, inputs = len(training), x.shape[1]
    how, each = method
    penalty = Deviations(start, np.bincount(school) / len(school), each)
    columns = keras.Input((inputs,), name="x")
    number = keras.Input((), dtype="int32", name="school")
    common = keras.layers.Dense(1, use_bias=False)
    own = keras.layers.Embedding(count, inputs, embeddings_regularizer=penalty)
    way = keras.layers.Dot(axes=1)([columns, own(number)])
    score = keras.layers.Add()([common(columns), way])
    model = polytask.MultiTaskModel({"x": columns, "school": number}, {"score": score})
    weights, deviations, _ = fitted(training, np.full(count, start))
    common.set_weights([weights[:, None]])
    own.set_weights([deviations])
    model.compile(keras.optimizers.Adam(0.003), loss="mse")
    history = polytask.meta.learn_strengths(
        model,
        ({"x": x, "school": school}, y[:, None]),
        ({"x": new_x, "school": new_school}, new_y[:, None]),
        rounds=rounds,
        epochs=10,
        step=0.3,
        batch_size=len(y),
        method=how,
        rate=0.1,
        # Inputs that are sums of others leave the weights of all undecided.
        damping=3e-3,
        iterations=2000,
    )
    return np.resize([history[name][-1] for name in penalty.names], count)


def measure(xs: list[Any], ys: list[Any], seed: int, rounds: int) -> dict[str, Any]:
    """Return method → what is measured on one split, errors in points."""
    (training, validation, test), unit = split(xs, ys, seed)
    known = [
        (np.concatenate([x, more]), np.concatenate([y, rest]))
        for (x, y), (more, rest) in zip(training, validation, strict=True)
    ]
    count, sizes = len(test), [len(y) for _, y in test]
    grid = np.array(
        [mean_squares(validation, fitted(training, np.full(count, s))) for s in GRID]
    )
    new = [len(y) for _, y in validation]
    best = float(GRID[np.average(grid, axis=1, weights=new).argmin()])
    chosen = {
        # Inputs that do not vary within a school leave least squares undecided.
        "none": np.full(count, 1e-6),
        "endless": np.full(count, 1e6),
        "common": np.full(count, best),
        # The weights of all hardly feel the strength of one school.
        "each": GRID[grid.argmin(axis=0)],
    }
    for name, method in LEARNED.items():
        chosen[name] = learned(training, validation, best, method, rounds)
    fits = {method: fitted(known, s) for method, s in chosen.items()}
    x, y, _ = stacked(known)
    pooled = RidgeCV(RIDGE_GRID).fit(x, y)
    one = pooled.coef_, np.zeros((count, x.shape[1])), np.full(count, pooled.intercept_)
    fits |= {"ridge": ridge(known), "pooled": one}
    found: dict[str, Any] = {}
    for method in TITLES:
        errors = np.sqrt(mean_squares(test, fits[method]))
        found[method] = {"error": unit * np.average(errors, weights=sizes)}
        if method in chosen:
            losses = mean_squares(validation, fitted(training, chosen[method]))
            found[method]["validation"] = np.average(losses, weights=new)
            found[method]["strengths"] = chosen[method].tolist()
    return found


def table(results: list[dict[str, Any]], file: Path) -> str:
    """Return the means over splits as a Markdown table, and draw the differences."""
    head = "| | weighted RMSE | − one strength | validation loss | median λ |"
    lines = [head, "|---" * 5 + "|"]
    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    for place, (method, title) in enumerate(TITLES.items()):
        rows = [found[method] for found in results]
        apart = [found[method]["error"] - found["common"]["error"] for found in results]
        change = repeat_interval(apart, test_ratio=1 / 3)
        ends = [[change.mean - change.low], [change.high - change.mean]]
        axes.errorbar(change.mean, -place, xerr=ends, fmt="o", capsize=3)
        cells = [f"{np.mean([row['error'] for row in rows]):.3f}", change.signed(3)]
        cells += ["", ""]
        if "strengths" in rows[0]:
            cells[2] = f"{np.mean([row['validation'] for row in rows]):.4f}"
            cells[3] = f"{np.median([row['strengths'] for row in rows]):.3g}"
        lines.append(f"| {title} | {' | '.join(cells)} |")
    axes.axvline(0, color="gray", linewidth=1)
    axes.set_yticks(-np.arange(len(TITLES)), list(TITLES.values()))
    axes.set_xlabel("weighted RMSE − that of one strength, points")
    figure.savefig(file, bbox_inches="tight")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder of school.mat")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="two splits, few rounds")
    parser.add_argument("--out", type=Path, default=Path("runs/learned_strengths"))
    options = parser.parse_args()
    xs, ys = load(options.data_dir)
    options.out.mkdir(parents=True, exist_ok=True)
    results = []
    for seed in range(2 if options.quick else options.splits):
        results.append(measure(xs, ys, seed, 3 if options.quick else 30))
        print(f"split {seed}: {time.process_time():.0f} s of CPU", flush=True)
        file = options.out / "results.json"
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"\n{table(results, options.out / 'learned_strengths.svg')}\n\n{options.out}")


if __name__ == "__main__":
    main()
