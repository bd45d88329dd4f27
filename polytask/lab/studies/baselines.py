"""What single-task models of other kinds reach on the rows of a study."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from polytask.errors import UserError, nearest
from polytask.lab.kinds import Task, is_labeled
from polytask.lab.metrics import constant_prediction, evaluate
from polytask.lab.studies.schema import BASELINES, BaselineModel
from polytask.lab.tables import Dataset

#: An SVM's time grows with the square of its rows.
SVM_ROWS = 2_000
#: Its probabilities are learned on rows that it was not fitted on.
SVM_FOLDS = 3


def fit_baselines(
    dataset: Dataset, names: Iterable[str] | None = None, seed: int = 0
) -> list[BaselineModel]:
    """Fit a model of every kind for every task, each alone on its labeled rows.

    Training rows fit, validation rows choose the setting by the task's first metric,
    test rows are looked at once, by the chosen one.

    Args:
        dataset: The rows, as the networks see them.
        names: Names of `BASELINES`; default: all. The SVM is left out of tasks with
            more than 2,000 labeled training rows, or with a class of fewer than 3.
        seed: Of the trees.

    Returns:
        One baseline a task and name, in the order of the tasks. Tasks whose training
        rows hold one class alone have the constant only.

    Raises:
        UserError: If a name is unknown, or a task has no label in the training or
            validation rows.

    Source:
        Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR
        2006, on why a comparison needs strong and equally tuned competitors.

    Example:
        >>> from polytask.lab.tables import bundled
        >>> found = fit_baselines(bundled("digits"), ["constant", "linear"])
        >>> [(b.task, b.name) for b in found[:2]]
        [('digit', 'constant'), ('digit', 'linear')]
    """
    chosen = tuple(BASELINES) if names is None else tuple(names)
    for name in chosen:
        if name not in BASELINES:
            raise UserError(
                f"There is no baseline {name!r}.{nearest(name, BASELINES)} "
                f"Known: {', '.join(BASELINES)}."
            )
    return [
        _tuned(dataset, task, name, seed)
        for task in dataset.tasks
        for name in chosen
        if _fits(dataset, task, name)
    ]


def _fits(dataset: Dataset, task: Task, name: str) -> bool:
    labels = dataset.train.y[task.name]
    present = labels[is_labeled(labels)]
    if name == "constant":
        return True
    if task.rules.has_classes:
        counts = np.unique(present, return_counts=True)[1]
        if len(counts) < 2 or (name == "svm" and counts.min() < SVM_FOLDS):
            return False
    return name != "svm" or len(present) <= SVM_ROWS


def _tuned(dataset: Dataset, task: Task, name: str, seed: int) -> BaselineModel:
    start = time.process_time()
    metric = task.rules.primary
    best: tuple[float, dict[str, Any], dict[str, np.ndarray]] | None = None
    count = 0
    for setting, predictions in _candidates(dataset, task, name, seed):
        count += 1
        labels = dataset.validation.y[task.name]
        score, _ = evaluate(task, labels, predictions["validation"], (metric,))
        value = score[metric.name]
        # An undefined metric, as AUC of one class, leaves the first setting.
        gain = value if metric.higher_is_better else -value
        if best is None or gain > best[0]:
            best = (-np.inf if np.isnan(gain) else gain, setting, predictions)
    assert best is not None, "every baseline has a setting"
    scores = []
    for split, rows in dataset.splits.items():
        values, _ = evaluate(task, rows.y[task.name], best[2][split])
        for key, value in values.items():
            scores.append((task.name, split, key, None if np.isnan(value) else value))
    return BaselineModel(
        name=name,
        task=task.name,
        setting=best[1],
        settings=count,
        scores=scores,
        seconds=round(time.process_time() - start, 3),
    )


def _candidates(
    dataset: Dataset, task: Task, name: str, seed: int
) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Yield each setting with its predictions by split."""
    labels = dataset.train.y[task.name]
    if name == "constant":
        yield (
            {},
            {
                split: constant_prediction(task, labels, len(rows))
                for split, rows in dataset.splits.items()
            },
        )
        return
    present = is_labeled(labels)
    x, y = dataset.train.x[present], labels[present]
    for setting in _GRIDS[name]:
        model = _model(task, name, setting, seed).fit(x, y)
        yield (
            setting,
            {
                split: _predictions(task, model, rows.x)
                for split, rows in dataset.splits.items()
            },
        )


_GRIDS: dict[str, list[dict[str, Any]]] = {
    "linear": [{"strength": strength} for strength in (0.01, 0.1, 1.0, 10.0, 100.0)],
    "trees": [
        {"learning_rate": rate, "max_leaf_nodes": leaves}
        for rate in (0.05, 0.15)
        for leaves in (7, 31)
    ],
    "svm": [
        {"C": cost, "gamma": width}
        for cost in (1.0, 10.0, 100.0)
        for width in ("scale", "auto", 0.1)
    ],
}


def _model(task: Task, name: str, setting: dict[str, Any], seed: int) -> Any:
    # Imported here: a second that showing a stored study can do without.
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR

    if name == "trees":
        options = {"max_iter": 300, "early_stopping": True, "random_state": seed}
        if task.rules.has_classes:
            return HistGradientBoostingClassifier(**options, **setting)
        return HistGradientBoostingRegressor(**options, **setting)
    if name == "linear":
        if task.rules.has_classes:
            return LogisticRegression(C=1 / setting["strength"], max_iter=1000)
        return Ridge(setting["strength"])
    if task.rules.has_classes:
        # Platt's scaling, on the training rows alone.
        return CalibratedClassifierCV(SVC(**setting), ensemble=False, cv=SVM_FOLDS)
    return TransformedTargetRegressor(SVR(**setting), transformer=StandardScaler())


def _predictions(task: Task, model: Any, x: np.ndarray) -> np.ndarray:
    """Return predictions in the form of `evaluate`."""
    if not task.rules.has_classes:
        return np.asarray(model.predict(x))
    # A class that no training row has gets no probability.
    probabilities = np.zeros((len(x), len(task.classes)))
    probabilities[:, model.classes_.astype(int)] = model.predict_proba(x)
    return probabilities if task.kind == "multiclass" else probabilities[:, 1]
