"""A network for several columns of a table, as scikit-learn's estimators are used."""

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from polytask._atomic import write_atomically
from polytask.errors import TableWarning, UserError, nearest
from polytask.lab.choosing import recommended_rows
from polytask.lab.estimator_parameters import (
    DECLARED,
    accepted_options,
    parameters_of,
    stored_estimator,
)
from polytask.lab.fitting import Fitted, new_folder
from polytask.lab.frames import (
    Labels,
    checked_frame,
    classes_as_given,
    joined,
    score_table,
)
from polytask.lab.kinds import Task, is_labeled, task_kinds
from polytask.lab.metrics import constant_prediction, evaluate, task_loss
from polytask.lab.studies.load_data import own_data
from polytask.lab.studies.predictor import Predictor
from polytask.lab.studies.reading import Place, read
from polytask.lab.studies.recommended import EFFORTS
from polytask.lab.studies.study import Study, Variant
from polytask.lab.tables import encode_labels
from polytask_options import DataSource

_ESTIMATOR = "estimator.json"


class TabularModel(BaseEstimator):
    """One regularized network that predicts several columns of a table.

    It is what `polytask fit` trains, with scikit-learn's conventions: `fit`, `predict`,
    `get_params`, `set_params`, `clone`, learned attributes with a trailing underscore.
    Tables go in and come out as DataFrames. Columns may be numbers, categories,
    booleans and dates, as `polytask.lab.tables.guess_columns` reads them; cells and
    labels may be missing, and a category that no training row had is read as a rare
    one, with a warning.

    Args:
        tasks: Target column → `"binary"`, `"multiclass"`, `"ordinal"`, `"regression"`,
            `"count"` or `"positive"`.
        effort: `"quick"`, `"good"` or `"best"`: what is trained and for how long, see
            `polytask.lab.studies.recommended.recommended`. Default: `"good"`.
        options: Options of the command by name, such as
            `{"dropout_trunk": 0.2, "exclude": ["id"]}`; `polytask list` prints them.
            Default: none.
        validation_fraction: Share of the rows that choose the number of epochs; the
            network is then trained on all of them. Default: 0.2.
        random_state: Seed of split, weights and batches. Default: 0.
        verbose: Whether progress is shown on stderr. Default: False.

    Attributes:
        model_: The trained `polytask.MultiTaskModel`.
        preprocessor_: What makes a design matrix of a table.
        classes_: Task → its classes, in the order of `predict_proba`.
        scores_: Metrics on training and validation rows, indexed by task, split and
            metric; those on validation rows are of the network before its last
            training.
        n_iter_: The number of epochs that was chosen.
        feature_names_in_: The columns that predictions read.
        n_features_in_: How many there are.

    Example:
        >>> random = np.random.default_rng(0)
        >>> size = random.uniform(1, 9, 80)
        >>> homes = pd.DataFrame({"size": size, "town": random.choice(["A", "B"], 80)})
        >>> homes["price"] = 100 * size + 50 * (homes["town"] == "B")
        >>> homes["sold"] = np.where(size < 5, "yes", "no")
        >>> homes.loc[:9, "sold"] = None
        >>> model = TabularModel(
        ...     {"price": "regression", "sold": "binary"}, options={"epochs": 2}
        ... ).fit(homes)
        >>> model.predict(homes.head(2)[["size", "town"]]).columns.tolist()
        ['price', 'sold']
        >>> model.predict_proba(homes)["sold"].columns.tolist()
        ['no', 'yes']
        >>> model.evaluate(homes).loc[("sold", "auc"), "rows"].item()
        70
    """

    def __init__(
        self,
        tasks: Mapping[str, str],
        *,
        effort: str = "good",
        options: Mapping[str, Any] | None = None,
        validation_fraction: float = 0.2,
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.tasks = tasks
        self.effort = effort
        self.options = options
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: pd.DataFrame, y: Labels | None = None) -> "TabularModel":
        """Train on the rows that have any label.

        Args:
            X: The table, with the targets among its columns.
            y: The targets, if the table is without them, row by row beside those of
                `X`: a table or a dict with the names of the tasks, a series with the
                name of one, or an array with a column for each task.

        Returns:
            Itself.

        Raises:
            UserError: If a parameter, an option or a column is wrong, or there are too
                few rows.
        """
        study = self._study()
        frame = joined(X, y, list(self.tasks))
        study, dataset, preprocessor = recommended_rows(
            study,
            lambda source: own_data(source, frame, "table"),
            self.effort,
            self._with_options,
            self.verbose,
        )
        fitted = Fitted.train(study, dataset, preprocessor, self.verbose)
        classes = {
            task.name: classes_as_given(frame[task.name], task.classes)
            for task in dataset.tasks
            if task.rules.has_classes
        }
        return self._take(fitted, classes)

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a column for each task: the class as it was given, or the number.

        Args:
            X: A table with the columns `feature_names_in_`; others are ignored.

        Raises:
            UserError: If a column is absent or holds values of another kind.
        """
        columns = {}
        for task, prediction in self._predictions(X):
            values = task.rules.columns(task, prediction)[task.name]
            if task.name in self.classes_:
                codes = pd.Index(np.array(task.classes, object)).get_indexer(values)
                values = self.classes_[task.name][codes]
            columns[task.name] = values
        return pd.DataFrame(columns, index=X.index)

    def predict_proba(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a column for each class of each task: `frame[task][class]`.

        Args:
            X: As `predict` takes it.

        Raises:
            UserError: As `predict`; also if no task has classes.
        """
        check_is_fitted(self)
        if not self.classes_:
            raise UserError("predict_proba: no task has classes; predict gives values.")
        parts = {}
        for task, prediction in self._predictions(X):
            if task.name in self.classes_:
                if prediction.ndim == 1:
                    prediction = np.stack([1 - prediction, prediction], axis=1)
                classes = pd.Index(self.classes_[task.name])
                parts[task.name] = pd.DataFrame(prediction, X.index, classes)
        return pd.concat(parts, axis=1, names=["task", "class"])

    def evaluate(self, X: pd.DataFrame, y: Labels | None = None) -> pd.DataFrame:
        """Return the metrics of every task over its labeled rows, which count alike.

        Args:
            X: A table, with targets among its columns; a task without is left out.
            y: The targets, if the table is without them, as `fit` takes them.

        Returns:
            Indexed by task and metric: `value`, the number of labeled `rows`, and why
            a value is `undefined`, where it is NaN.

        Raises:
            UserError: If there is no target, or a label is of an unknown class.
        """
        rows = []
        for task, labels, prediction in self._labeled(joined(X, y, list(self.tasks))):
            scores, reasons = evaluate(task, labels, prediction)
            count = int(is_labeled(labels).sum())
            rows += [
                (task.name, metric, value, count, reasons.get(metric, ""))
                for metric, value in scores.items()
            ]
        names = ["task", "metric", "value", "rows", "undefined"]
        return pd.DataFrame(rows, columns=names).set_index(["task", "metric"])

    def score(self, X: pd.DataFrame, y: Labels | None = None) -> float:
        """Return the mean over tasks of the share of the loss that is explained.

        It is R² for numbers and McFadden's R² for classes: 1 − loss / loss of the best
        constant on these rows. 1 is perfect; a constant has 0.

        Args:
            X: As `evaluate` takes it.
            y: As `evaluate` takes it.

        Raises:
            UserError: If there is no target, or all labels of one are the same.
        """
        shares = []
        for task, labels, prediction in self._labeled(joined(X, y, list(self.tasks))):
            constant = constant_prediction(task, labels, len(labels))
            most = task_loss(task, labels, constant)
            if not most > 0:
                raise UserError(
                    f"score: all labels of {task.name!r} in these rows are the same."
                )
            shares.append(1 - task_loss(task, labels, prediction) / most)
        return float(np.mean(shares))

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write the folder that `polytask fit` writes, with its report.

        `polytask predict` and `polytask evaluate` take it as well.

        Args:
            folder: Where; it must be empty or absent.
            overwrite: Whether it may replace a model that lies there. Default: False.

        Returns:
            The folder.

        Raises:
            UserError: If something else lies there.
        """
        check_is_fitted(self)
        folder = Path(folder)
        with new_folder(folder, overwrite) as aside:
            self._fitted.write(aside, " ".join(repr(self).split()))
            classes = {task: values.tolist() for task, values in self.classes_.items()}
            content = {"parameters": self.get_params(deep=False), "classes": classes}
            text = json.dumps(content, indent=1, ensure_ascii=False, default=str)
            write_atomically(aside / _ESTIMATOR, text)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "TabularModel":
        """Return the model of a folder that `save` or `polytask fit` wrote.

        Args:
            folder: The folder.

        Returns:
            A fitted model. Of a folder by the command, its options are all those that
            it was trained with, and classes are text.

        Raises:
            UserError: If the folder or one of its files is missing or damaged.
        """
        fitted = Fitted.read(folder)
        path = Path(folder, _ESTIMATOR)
        if path.is_file():
            parameters, classes = stored_estimator(path)
        else:
            parameters = parameters_of(fitted.description)
            tasks = fitted.description.tasks
            classes = {task.name: task.classes for task in tasks if task.classes}
        arrays = {task: np.array(values) for task, values in classes.items()}
        return cls(**parameters)._take(fitted, arrays)

    def _take(self, fitted: Fitted, classes: dict[str, np.ndarray]) -> "TabularModel":
        """Set what was learned."""
        self._fitted = fitted
        self._tasks = tuple(task.trained() for task in fitted.description.tasks)
        self.classes_ = classes
        self.model_ = fitted.model
        self.preprocessor_ = fitted.preprocessor
        self.scores_ = score_table(fitted.record.scores)
        self.n_iter_ = fitted.record.best_epoch
        self.feature_names_in_ = np.array(self.preprocessor_.input_columns, object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self

    def _study(self) -> Study:
        """Return what the parameters ask for, before the rows are known."""
        if not isinstance(self.tasks, Mapping) or not all(
            isinstance(task, str) for task in self.tasks
        ):
            raise UserError(
                f"tasks = {self.tasks!r}; accepted is a mapping such as "
                '{"price": "regression", "sold": "binary"}.'
            )
        if self.effort not in EFFORTS:
            raise UserError(
                f"effort = {self.effort!r}; accepted is {', '.join(EFFORTS)}."
                f"{nearest(str(self.effort), EFFORTS)}"
            )
        seed = self.random_state
        if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
            raise UserError(
                f"random_state = {seed!r}; accepted is an integer from 0 to "
                f"{2**32 - 1}."
            )
        share = self.validation_fraction
        if not isinstance(share, float) or not 0 < share < 1:
            raise UserError(
                f"validation_fraction = {share!r}; accepted is a number between 0 "
                "and 1."
            )
        self._check_options()
        source = DataSource(
            tasks=tuple(task_kinds(dict(self.tasks)).items()),
            split=(1 - share, share, 0.0),
            seed=int(seed),
        )
        return Study(
            name="table",
            title=f"TabularModel: {', '.join(self.tasks)}",
            data=self._with_options(source),
            variants=(Variant("fit", "Fitted model"),),
            seeds=(int(seed),),
        )

    def _check_options(self) -> None:
        Place("TabularModel, options").refuse_unknown(
            self.options or {},
            [name for kind in DECLARED for name in accepted_options(kind)],
        )

    def _with_options(self, declared: Any) -> Any:
        """Return declared options with those that were given."""
        known = accepted_options(type(declared))
        values = {n: v for n, v in (self.options or {}).items() if n in known}
        place = Place("TabularModel, options")
        return read(declared, values, place, part="table")

    def _predictions(self, frame: pd.DataFrame) -> Iterator[tuple[Task, np.ndarray]]:
        """Yield each task with its predictions for a table's rows."""
        check_is_fitted(self)
        rows = self.preprocessor_.transform(checked_frame(frame, "X"))
        for column, cells in rows.unseen.items():
            warnings.warn(
                f"Column {column!r}: cells with a category that no training row had, "
                f"read as a rare one: {cells}.",
                TableWarning,
                stacklevel=3,
            )
        found = Predictor(rows.x, self._tasks)(self.model_)
        for task in self._tasks:
            yield task, found[task.name]

    def _labeled(
        self, frame: pd.DataFrame
    ) -> Iterator[tuple[Task, np.ndarray, np.ndarray]]:
        """Yield tasks with labels and predictions."""
        check_is_fitted(self)
        names = [task.name for task in self._tasks]
        if not any(name in frame.columns for name in names):
            raise UserError(f"The table has no column with labels: {', '.join(names)}.")
        for task, prediction in self._predictions(frame):
            if task.name in frame.columns:
                yield task, encode_labels(frame[task.name], task), prediction
