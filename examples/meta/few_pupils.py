"""New schools from few pupils: networks against linear models.

    python examples/meta/few_pupils.py --data-dir DIR [--methods M ...] [--quick]

`DIR` holds `school.mat`, see examples/school. Of the 139 schools 20 are held out, drawn
anew for each of 10 draws. The others give a start; each held-out school then has k = 5,
10 or 20 pupils to learn from, and the rest to be measured on. The error is the mean
over the held-out schools of their RMSE, weighted by their number of test pupils.

Every strength is chosen once for each k, on episodes of the training schools.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from draws import picture, table

sys.path.insert(0, str(Path(__file__).parents[1] / "school"))
from school import load

import polytask
from polytask.linear import MultiTaskRegressorCV
from polytask.meta.linear_head import KINDS, LinearHead, fit_linear_head

PUPILS = (5, 10, 20)
HELD_OUT = 20
STRENGTHS = np.logspace(-1.0, 3.0, 9)
METHODS = ("ridge", "pooled", "l2sp", "anil", "network")
TITLES = {
    "ridge": "ridge on the k pupils",
    "pooled": "one ridge for all schools",
    "l2sp": "L2-SP to the mean weights",
    "anil": "pooled network, then ANIL",
    "network": "network with an intercept a school",
}

School = tuple[np.ndarray, np.ndarray]


class Episode(NamedTuple):
    """Pupils to learn from and to be measured on."""

    x: np.ndarray
    y: np.ndarray
    new_x: np.ndarray
    new_y: np.ndarray


class Draw(NamedTuple):
    """Standardized schools; `unit` is the spread of the scores."""

    held_out: list[School]
    training: list[School]
    unit: float


def drawn(xs: list[np.ndarray], ys: list[np.ndarray], seed: int) -> Draw:
    """Hold out some schools; units are those of the others' pupils."""
    order = np.random.default_rng(seed).permutation(len(xs))
    rest = order[HELD_OUT:]
    x, y = (np.concatenate([values[t] for t in rest]) for values in (xs, ys))
    spread = x.std(axis=0)
    spread[spread == 0] = 1.0
    schools = [
        ((xs[t] - x.mean(axis=0)) / spread, (ys[t] - y.mean()) / y.std()) for t in order
    ]
    return Draw(schools[:HELD_OUT], schools[HELD_OUT:], float(y.std()))


def episodes(schools: list[School], pupils: int, seed: int) -> list[Episode]:
    """Return an episode of each school that is large enough."""
    random = np.random.default_rng(seed)
    found = []
    for x, y in schools:
        if len(y) <= pupils:
            continue
        order = random.permutation(len(y))
        few, rest = order[:pupils], order[pupils:]
        found.append(Episode(x[few], y[few], x[rest], y[rest]))
    return found


def error(episodes: list[Episode], learn: Callable[[Episode], np.ndarray]) -> float:
    """Return the weighted RMSE of what `learn` predicts of the new pupils."""
    sizes = [len(episode.new_y) for episode in episodes]
    errors = [np.sqrt(np.mean((learn(e) - e.new_y) ** 2)) for e in episodes]
    return float(np.average(errors, weights=sizes))


def learner(
    anchor: LinearHead, strength: float, free_bias: bool
) -> Callable[[Episode], np.ndarray]:
    """Return what fits a linear model to an episode, pulled to an anchor."""

    def learn(episode: Episode) -> np.ndarray:
        x, rest = episode.x, episode.y - anchor.scores(episode.x)[:, 0]
        x_mean, mean = (x.mean(axis=0), rest.mean()) if free_bias else (0.0, 0.0)
        # A bias that is pulled too is the weight of a feature that is always 1.
        one = 0.0 if free_bias else 1.0
        # Of fewer pupils than features the dual problem is the small one.
        x = x - x_mean
        dual = np.linalg.solve(
            x @ x.T + one + strength * len(x) * np.eye(len(x)), rest - mean
        )
        change = (episode.new_x - x_mean) @ (x.T @ dual) + one * dual.sum() + mean
        return anchor.scores(episode.new_x)[:, 0] + change

    return learn


def chosen(
    training: list[Episode], test: list[Episode], anchor: LinearHead, free_bias: bool
) -> float:
    """Return the test error at the strength that is best on training schools."""
    errors = [error(training, learner(anchor, s, free_bias)) for s in STRENGTHS]
    best = float(STRENGTHS[int(np.argmin(errors))])
    return error(test, learner(anchor, best, free_bias))


class Start(NamedTuple):
    """Where a network begins with a new school.

    Attributes:
        trunk: From inputs to the features of the head.
        head: The head.
    """

    trunk: keras.Model
    head: LinearHead


def features_of(x: Any) -> Any:
    """Return 64 hidden units beside the inputs, so that a linear model is included."""
    hidden = keras.layers.Dense(64, "relu")(x)
    return keras.layers.Concatenate()([x, hidden])


def meta_learned(schools: list[School], seed: int, quick: bool) -> Start:
    """Return a network that has learned all pupils as one school, and then by ANIL."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((schools[0][0].shape[1],))
    h = features_of(x)
    head = keras.layers.Dense(1)
    model = polytask.MultiTaskModel(x, {"score": head(h)})
    model.compile(keras.optimizers.Adam(1e-3), loss="mse", weight_decay=0.05)
    rows, scores = (np.concatenate(part) for part in zip(*schools, strict=True))
    model.fit(rows, scores[:, None], batch_size=128, epochs=12, verbose=0)
    model.compile(keras.optimizers.Adam(3e-4), loss="mse", weight_decay=0.05)
    trainer = polytask.meta.Trainer(model, "anil", inner_rate=0.02, inner_steps=3)
    sources = {str(t): (x, y[:, None]) for t, (x, y) in enumerate(schools)}
    draws = polytask.meta.Episodes(sources, 10, 40, per_step=30, seed=seed)
    trainer.fit(draws, steps=20 if quick else 400, every=20)
    return Start(keras.Model(x, h), LinearHead(*map(np.float64, head.get_weights())))


def with_intercepts(
    schools: list[School],
    linear: LinearHead,
    intercepts: np.ndarray,
    seed: int,
    quick: bool,
) -> Start:
    """Return a network in which every school has an intercept of its own.

    What makes schools differ then does not pass for what makes pupils differ. It begins
    as the linear model, with nothing from the hidden units.

    Args:
        schools: The training schools.
        linear: The linear model.
        intercepts: (schools,) their intercepts, around that of the linear model.
        seed: Of everything random.
        quick: Whether one epoch suffices.
    """
    keras.utils.set_random_seed(seed)
    inputs, count = len(linear.kernel), len(schools)
    x = keras.Input((inputs,), name="x")
    school = keras.Input((count,), name="school")
    h = features_of(x)
    head, own = keras.layers.Dense(1), keras.layers.Dense(1, use_bias=False)
    score = keras.layers.Add()([head(h), own(school)])
    model = polytask.MultiTaskModel({"x": x, "school": school}, {"score": score})
    hidden = np.zeros((h.shape[-1] - inputs, 1))
    head.set_weights([np.concatenate([linear.kernel, hidden]), linear.bias])
    own.set_weights([intercepts[:, None]])
    model.compile(keras.optimizers.Adam(1e-3), loss="mse", weight_decay=1.0)
    rows, scores = (np.concatenate(part) for part in zip(*schools, strict=True))
    code = np.repeat(np.eye(count), [len(y) for _, y in schools], axis=0)
    model.fit(
        {"x": rows, "school": code},
        scores[:, None],
        batch_size=128,
        epochs=1 if quick else 10,
        verbose=0,
    )
    kernel, bias = map(np.float64, head.get_weights())
    mean = own.get_weights()[0].mean()
    return Start(keras.Model(x, h), LinearHead(kernel, bias + mean))


def in_features(start: Start, episodes: list[Episode]) -> list[Episode]:
    """Return episodes with the trunk's features in place of the inputs."""

    def features(x: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(start.trunk(x.astype("float32")))

    return [e._replace(x=features(e.x), new_x=features(e.new_x)) for e in episodes]


def measure(
    draw: Draw, seed: int, methods: Sequence[str], quick: bool
) -> dict[str, dict[int, float]]:
    """Return method → pupils → error in points."""
    schools = draw.training
    x, y = (np.concatenate(part) for part in zip(*schools, strict=True))
    zero = LinearHead(np.zeros((x.shape[1], 1)), np.zeros(1))
    pooled = fit_linear_head(KINDS["regression"], x, y, 1e-3, zero, free_bias=True)
    coupled = MultiTaskRegressorCV(
        "mean_regularized", num_strengths=12, smallest_ratio=1e-4, cv=3, random_state=0
    ).fit([x for x, _ in schools], [y for _, y in schools])
    mean = LinearHead(
        coupled.coef_.mean(axis=0)[:, None], coupled.intercept_.mean()[None]
    )
    around = coupled.intercept_ - mean.bias
    makers: dict[str, Callable[[], Start]] = {
        "anil": lambda: meta_learned(schools, seed, quick),
        "network": lambda: with_intercepts(schools, mean, around, seed, quick),
    }
    starts = {name: make() for name, make in makers.items() if name in methods}
    found: dict[str, dict[int, float]] = {method: {} for method in methods}
    for pupils in PUPILS:
        training = episodes(schools, pupils, 100 + seed)
        test = episodes(draw.held_out, pupils, pupils)
        for method in methods:
            if method == "pooled":
                value = error(test, lambda e: pooled.scores(e.new_x)[:, 0])
            elif method in starts:
                start = starts[method]
                rows, new = (in_features(start, some) for some in (training, test))
                value = chosen(rows, new, start.head, False)
            else:
                alone = method == "ridge"
                value = chosen(training, test, zero if alone else mean, alone)
            found[method][pupils] = draw.unit * value
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder of school.mat")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--quick", action="store_true", help="two draws, 20 steps")
    parser.add_argument("--out", type=Path, default=Path("runs/few_pupils"))
    options = parser.parse_args()
    xs, ys = load(options.data_dir)
    options.out.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    start = time.process_time()
    for seed in range(2 if options.quick else options.draws):
        draw = drawn(xs, ys, seed)
        results.append(measure(draw, seed, options.methods, options.quick))
        print(f"draw {seed}: {time.process_time() - start:.0f} s", flush=True)
        file = options.out / "results.json"
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    file = options.out / "few_pupils.svg"
    picture(results, TITLES, "pupils", "weighted RMSE of 20 new schools", file)
    shown = table(results, TITLES, [("network", "l2sp")])
    print(f"\n{shown}\n\nResults and picture: {options.out}")


if __name__ == "__main__":
    main()
