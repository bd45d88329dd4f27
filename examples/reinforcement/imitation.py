"""Meta-World's MT10 by imitation: one trunk with ten heads against ten networks.

    python examples/reinforcement/imitation.py [--quick] [--seeds N] [--jobs N]

Scripted experts show each of ten manipulation tasks; a network learns what they do in
each state, and is judged by how many new goals it reaches. What is trained already is
not trained again. Needs the extra `rl`; runs on every backend, fastest on JAX.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np
from demonstrations import GOALS, Goals, Rows, demonstrations, success
from intervals import apart, shown

import polytask
from examples.example_options import example_options
from examples.jobs import results
from examples.page import Page
from polytask._atomic import write_atomically

UNITS, RATE, PER_TASK = 128, 1e-3, 64
#: Goals of this seed are in no demonstration.
TEST_SEED = 1000
SINGLE = "ten networks"
#: What is compared: one network, with these options.
ARMS: dict[str, dict[str, Any]] = {
    "equal": {},
    "Nash-MTL": {"balancer": "nash_mtl"},
    "decay": {"decay": 0.01},
    "dropout": {"dropout": 0.1},
    "layer norm": {"layer_norm": True},
    "TaskRelationship": {"relationship": 1e-3},
}


def network(
    names: list[str],
    width: int,
    steps: int,
    balancer: str | None = None,
    decay: float | None = None,
    dropout: float = 0.0,
    layer_norm: bool = False,
    relationship: float | None = None,
) -> polytask.MultiTaskModel:
    """Return a compiled network with a head of four actions for each task."""
    x = keras.Input((width,))
    h = x
    for _ in range(2):
        h = keras.layers.Dense(UNITS)(h)
        if layer_norm:
            h = keras.layers.LayerNormalization()(h)
        h = keras.layers.Activation("relu")(h)
        if dropout:
            h = keras.layers.Dropout(dropout)(h)
    model = polytask.MultiTaskModel(x, {n: keras.layers.Dense(4)(h) for n in names})
    schedule = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(
        keras.optimizers.Adam(schedule),
        loss="mse",
        # Weights of ten tasks change slowly: one bargain serves ten steps.
        balancer=polytask.balancing.get(balancer, update_every=10)
        if balancer
        else "equal",
        weight_decay=decay,
        task_structure=polytask.regularizers.TaskRelationship(relationship)
        if relationship
        else None,
    )
    return model


class Standard:
    """Standardizes observations, by task, and marks them with the task's code.

    Args:
        rows: Task → observations and actions.
    """

    def __init__(self, rows: Rows) -> None:
        self.codes = dict(zip(rows, np.eye(len(rows), dtype="float32"), strict=True))
        self.moments = {}
        for name, (x, _) in rows.items():
            deviation = x.std(axis=0)
            # What never moves in the demonstrations says nothing.
            deviation[deviation < 1e-6] = np.inf
            self.moments[name] = x.mean(axis=0), deviation

    def __call__(self, name: str, observations: np.ndarray) -> np.ndarray:
        """Return inputs (rows, 39 + tasks) of a network."""
        mean, deviation = self.moments[name]
        scaled = np.clip((observations - mean) / deviation, -10.0, 10.0)
        code = np.broadcast_to(self.codes[name], (len(scaled), len(self.codes)))
        return np.concatenate([scaled, code], axis=1).astype("float32")


def trained(rows: Rows, standard: Standard, epochs: int, seed: int, **options: Any):
    """Return one network for the tasks of `rows`, trained."""
    keras.utils.set_random_seed(seed)
    sources = {n: (standard(n, x), {n: y}) for n, (x, y) in rows.items()}
    mixture = polytask.training.TaskMixture(
        sources, PER_TASK * len(rows), temperature=float("inf"), seed=seed
    )
    width = next(iter(sources.values()))[0].shape[1]
    model = network(list(rows), width, epochs * len(mixture), **options)
    model.fit(mixture, epochs=epochs, verbose=0, shuffle=False)
    return model


def measured(
    arm: str, rows: Rows, goals: Goals, count: int, epochs: int, seed: int
) -> dict[str, Any]:
    """Return success by task, parameters and seconds of CPU of an arm."""
    start, standard = time.process_time(), Standard(rows)
    if arm == SINGLE:
        models = {}
        for name, pair in rows.items():
            models[name] = trained({name: pair}, standard, epochs, seed)
        own = list(models.values())
    else:
        own = [trained(rows, standard, epochs, seed, **ARMS[arm])]
        models = dict.fromkeys(rows, own[0])

    def act(seen: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        inputs = {n: standard(n, x[None]) for n, x in seen.items()}
        if arm == SINGLE:
            return {n: models[n].predict_on_batch(x)[n][0] for n, x in inputs.items()}
        # Always all rows, so that nothing is compiled again when a task has ended.
        blank = np.zeros_like(next(iter(inputs.values())))
        stacked = np.concatenate([inputs.get(n, blank) for n in rows])
        found = own[0].predict_on_batch(stacked)
        return {n: found[n][place] for place, n in enumerate(rows) if n in seen}

    reached = success(goals, act, count)
    return {
        "success": reached,
        "parameters": sum(model.count_params() for model in own),
        "seconds": round(time.process_time() - start, 1),
    }


def stored(
    folder: Path, arm: str, seed: int, shows: int, epochs: int, count: int
) -> dict[str, Any]:
    """Return what `measured` returns, from the folder if it is there.

    Args:
        folder: Of the demonstrations and of what is measured.
        arm: What is compared.
        seed: Of everything random.
        shows: Episodes shown of each task.
        epochs: Passes over them.
        count: New goals of each task.
    """
    asked = [shows, epochs, count, UNITS, RATE, ARMS.get(arm, {})]
    file = folder / "runs" / f"{arm.replace(' ', '_')}-{seed}.json"
    found = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if found.get("asked") != asked:
        rows, goals = shown_rows(folder, shows), new_goals()
        found = measured(arm, rows, goals, count, epochs, seed)
        found["asked"] = asked
        write_atomically(file, json.dumps(found))
        mean = np.mean(list(found["success"].values()))
        print(f"{arm}, seed {seed}: {mean:.3f}, {found['seconds']} s", flush=True)
    return found


@cache
def shown_rows(folder: Path, shows: int) -> Rows:
    """Return what the experts show, collected where it is not yet in the folder."""
    return demonstrations(shows, folder / f"demonstrations-{shows}.npz")


@cache
def new_goals() -> Goals:
    """Return the environments of a process, with goals that were not shown."""
    return Goals(TEST_SEED)


def main(arguments: list[str] | None = None) -> None:
    parser = example_options(
        __doc__, out="runs/imitation", seeds=10, data=False, jobs=True
    )
    parser.add_argument(
        "--goals", type=int, default=GOALS, help=f"new goals a task, at most {GOALS}"
    )
    options = parser.parse_args(arguments)
    if not 1 <= options.goals <= GOALS:
        parser.error(f"--goals is a number from 1 to {GOALS}; found {options.goals}")
    shows, epochs, goals_each, seeds, arms = 100, 15, options.goals, options.seeds, ARMS
    if options.quick:
        shows, epochs, goals_each, seeds, arms = 2, 20, 1, 1, {"equal": {}}
    (options.out / "runs").mkdir(parents=True, exist_ok=True)
    # Collected once, before several processes need it.
    shown_rows(options.out, shows)
    calls = [
        (options.out, arm, seed, shows, epochs, goals_each)
        for seed in range(seeds)
        for arm in (SINGLE, *arms)
    ]
    found: dict[str, list[dict[str, Any]]] = {}
    each = results(stored, calls, options.jobs)
    for (_, arm, *_), one in zip(calls, each, strict=True):
        found.setdefault(arm, []).append(one)
    print(f"Page: {write_report(options.out, found, goals_each, shows)}")


def write_report(
    out: Path, found: Mapping[str, list[dict[str, Any]]], goals: int, shows: int
) -> Path:
    """Print the tables, and write the page with them."""
    tasks = list(next(iter(found.values()))[0]["success"])
    scores = {
        arm: np.array([[one["success"][t] for t in tasks] for one in runs])
        for arm, runs in found.items()
    }
    header = [
        "policy",
        "mean success",
        "against ten, points [95 %]",
        "IQM [95 %]",
        "parameters",
    ]
    compared = [
        [
            arm,
            f"{own.mean():.3f}",
            "" if arm == SINGLE else apart(own, scores[SINGLE]),
            shown(own),
            f"{found[arm][0]['parameters']:,}",
        ]
        for arm, own in scores.items()
    ]
    by_task = [
        [task, *(f"{own[:, place].mean():.2f}" for own in scores.values())]
        for place, task in enumerate(tasks)
    ]
    for head, table in ((header, compared), (["task", *scores], by_task)):
        lines = [head, ["---"] * len(head), *table]
        print("\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
    page = Page("MT10 by imitation", kind="Example")
    page.section("One network against ten")
    seeds = len(scores[SINGLE])
    note = f"{seeds} seeds, {goals} new goals a task, {shows} episodes shown."
    page.table(
        header,
        compared,
        f"{note} Points: means over tasks, by pairs of the same seed, with Student's "
        "interval. IQM: interquartile mean over seeds and tasks, with its stratified "
        "bootstrap interval.",
    )
    page.section("Success by task")
    page.table(["task", *scores], by_task, "Mean over seeds.")
    page.code("python examples/reinforcement/imitation.py")
    return page.write(out)


if __name__ == "__main__":
    main()
