"""What single-task models of other kinds reach on the rows of a study."""

import time
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from msgspec.structs import replace

from polytask.errors import UserError, nearest
from polytask.lab.kinds import Task, is_labeled
from polytask.lab.metrics import constant_prediction, evaluate, task_loss
from polytask.lab.studies.summary_schema import BaselineModel
from polytask.lab.tables import Dataset
from polytask_options import BASELINES, Baselines

#: An SVM's time grows with the square of its rows.
SVM_ROWS = 2_000


def check_installed(names: Iterable[str]) -> None:
    """Refuse baselines whose package is not there.

    Args:
        names: Names of `polytask_options.BASELINES`.

    Raises:
        UserError: Naming the extra that installs it.
    """
    if "lightgbm" in names and find_spec("lightgbm") is None:
        raise UserError(
            'The baseline "lightgbm" needs LightGBM: pip install "polytask[lightgbm]".'
        )


def fit_baselines(
    dataset: Dataset,
    names: Iterable[str] | None = None,
    seed: int = 0,
    repeat: int | None = None,
    asked: Baselines = Baselines(),
) -> list[BaselineModel]:
    """Fit a model of every kind for every task, each alone on its labeled rows.

    Training rows fit, validation rows choose the setting by the task's first metric,
    test rows are looked at once, by the chosen one.

    Args:
        dataset: The rows, as the networks see them.
        names: Names of `polytask_options.BASELINES`; default: those of `asked`. The SVM
            is left out of tasks with more than 2,000 labeled training rows.
        seed: Of the trees.
        repeat: Seed of the repeat that the rows are of, where each has its own.
        asked: The settings that each of them tries; usually those of a study without
            `[baselines]`.

    Returns:
        One baseline a task and name, in the order of the tasks. Tasks whose training
        rows hold one class alone have the constant only.

    Raises:
        UserError: If a name is unknown, its package is not installed, or a task has no
            label in the training or validation rows.

    Source:
        Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR
        2006, on why a comparison needs strong and equally tuned competitors.

    Example:
        >>> from polytask.lab.tables import bundled
        >>> found = fit_baselines(bundled("digits"), ["constant", "linear"])
        >>> [(b.task, b.name) for b in found[:2]]
        [('digit', 'constant'), ('digit', 'linear')]
    """
    chosen = asked.models if names is None else tuple(names)
    for name in chosen:
        if name not in BASELINES:
            raise UserError(
                f"There is no baseline {name!r}.{nearest(name, BASELINES)} "
                f"Known: {', '.join(BASELINES)}."
            )
    check_installed(chosen)
    return [
        replace(_tuned(dataset, task, name, asked.settings(name), seed), seed=repeat)
        for task in dataset.tasks
        for name in chosen
        if _fits(dataset, task, name)
    ]


def _fits(dataset: Dataset, task: Task, name: str) -> bool:
    labels = dataset.train.y[task.name]
    present = labels[is_labeled(labels)]
    if name == "constant":
        return True
    if task.rules.has_classes and len(np.unique(present)) < 2:
        return False
    return name != "svm" or len(present) <= SVM_ROWS


def _tuned(
    dataset: Dataset, task: Task, name: str, settings: list[dict[str, Any]], seed: int
) -> BaselineModel:
    start = time.process_time()
    metric = task.rules.primary
    best: tuple[float, dict[str, Any], dict[str, np.ndarray]] | None = None
    for setting, predictions in _candidates(dataset, task, name, settings, seed):
        labels = dataset.validation.y[task.name]
        score, _ = evaluate(
            task,
            labels,
            predictions["validation"],
            (metric,),
            dataset.validation.weights,
        )
        value = score[metric.name]
        # An undefined metric, as AUC of one class, leaves the first setting.
        gain = value if metric.higher_is_better else -value
        if best is None or gain > best[0]:
            best = (-np.inf if np.isnan(gain) else gain, setting, predictions)
    assert best is not None, "every baseline has a setting"
    scores = []
    for split, rows in dataset.splits.items():
        values, _ = evaluate(
            task, rows.y[task.name], best[2][split], weight=rows.weights
        )
        for key, value in values.items():
            scores.append((task.name, split, key, None if np.isnan(value) else value))
    return BaselineModel(
        name=name,
        task=task.name,
        setting=best[1],
        settings=len(settings),
        scores=scores,
        seconds=round(time.process_time() - start, 3),
    )


def _candidates(
    dataset: Dataset, task: Task, name: str, settings: list[dict[str, Any]], seed: int
) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Yield each setting with its predictions by split."""
    labels = dataset.train.y[task.name]
    if name == "constant":
        yield (
            {},
            {
                split: constant_prediction(
                    task, labels, len(rows), dataset.train.weights
                )
                for split, rows in dataset.splits.items()
            },
        )
        return
    present = is_labeled(labels)
    x, y = dataset.train.x[present], labels[present]
    weights = dataset.train.weights
    weighted = {} if weights is None else {"sample_weight": weights[present]}
    for setting in settings:
        model = _model(task, name, setting, seed)
        if name == "trees" and task.rules.has_classes and not tenth_has_all_classes(y):
            model.set_params(early_stopping=False)
        with warnings.catch_warnings():
            # The user says that they are classes, however many.
            warnings.filterwarnings("ignore", "The number of unique classes")
            model.fit(x, y, **weighted)
        sharpness = _sharpness(task, model, dataset) if _is_svc(task, name) else None
        yield (
            setting,
            {
                split: _predictions(task, model, rows.x, sharpness)
                for split, rows in dataset.splits.items()
            },
        )


def tenth_has_all_classes(y: np.ndarray) -> bool:
    """Return whether a tenth of the rows, drawn by class, holds every class.

    Trees that are to end early set such a tenth aside.

    Args:
        y: Labels, none missing.
    """
    _, counts = np.unique(y, return_counts=True)
    return bool(counts.min() >= 2 and np.ceil(0.1 * len(y)) >= len(counts))


def _model(task: Task, name: str, setting: dict[str, Any], seed: int) -> Any:
    if not task.rules.has_classes:
        return _regressor(task.rules.mean_of, name, setting, seed)
    if name == "lightgbm":
        from lightgbm import LGBMClassifier

        return LGBMClassifier(**_lightgbm(setting, seed))
    # Imported here: a second that showing a stored study can do without.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    if name == "trees":
        return HistGradientBoostingClassifier(**_trees(setting, seed))
    if name == "linear":
        return LogisticRegression(C=1 / setting["strength"], max_iter=1000)
    return SVC(**setting, break_ties=True)


def _trees(setting: dict[str, Any], seed: int) -> dict[str, Any]:
    return {**setting, "max_iter": 300, "early_stopping": True, "random_state": seed}


def _lightgbm(setting: dict[str, Any], seed: int) -> dict[str, Any]:
    steady = {"deterministic": True, "force_row_wise": True, "n_jobs": 1}
    return {**setting, **steady, "random_state": seed, "verbosity": -1}


def _regressor(mean_of: str, name: str, setting: dict[str, Any], seed: int) -> Any:
    """Return a model of numbers, of counts or of the logarithms of numbers."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import PoissonRegressor, Ridge
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    counts = mean_of == "poisson"
    if name == "trees":
        loss = "poisson" if counts else "squared_error"
        model = HistGradientBoostingRegressor(loss=loss, **_trees(setting, seed))
    elif name == "lightgbm":
        from lightgbm import LGBMRegressor

        objective = "poisson" if counts else "regression"
        model = LGBMRegressor(objective=objective, **_lightgbm(setting, seed))
    elif name == "linear":
        strength = setting["strength"]
        model = PoissonRegressor(alpha=strength) if counts else Ridge(strength)
    else:
        model = TransformedTargetRegressor(SVR(**setting), transformer=StandardScaler())
        if counts:
            return TransformedTargetRegressor(
                model, func=np.log1p, inverse_func=np.expm1, check_inverse=False
            )
    if mean_of == "log":
        return TransformedTargetRegressor(
            model, func=np.log, inverse_func=np.exp, check_inverse=False
        )
    return model


def _is_svc(task: Task, name: str) -> bool:
    return name == "svm" and task.rules.has_classes


def _sharpness(task: Task, model: Any, dataset: Dataset) -> float:
    """Return by what an SVM's decisions are multiplied to be log-odds.

    Validation rows choose it, as they choose the setting. One factor keeps the order of
    the decisions, so that accuracy and AUC are those of the SVM itself.
    """
    from scipy.optimize import minimize_scalar

    labels = dataset.validation.y[task.name]

    def loss(logarithm: float) -> float:
        x = dataset.validation.x
        predictions = _predictions(task, model, x, float(np.exp(logarithm)))
        return task_loss(task, labels, predictions, dataset.validation.weights)

    return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))


def _predictions(
    task: Task, model: Any, x: np.ndarray, sharpness: float | None
) -> np.ndarray:
    """Return predictions in the form of `evaluate`."""
    if not task.rules.has_classes:
        return np.asarray(model.predict(x))
    if sharpness is None:
        shares = model.predict_proba(x)
    else:
        odds = sharpness * model.decision_function(x)
        if odds.ndim == 1:
            odds = np.stack([np.zeros_like(odds), odds], axis=1)
        shares = np.exp(odds - odds.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
    # A class that no training row has gets no probability.
    probabilities = np.zeros((len(x), len(task.classes)))
    probabilities[:, model.classes_.astype(int)] = shares
    return probabilities[:, 1] if task.rules.number_of_classes == 2 else probabilities
