"""Train a variant: one network for all tasks, or one for each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from evaluate import Evaluation, ndcg
from network import Options, build, options_of
from rows import TASKS, Catalog, TrainingRows, catalog, time_split
from selection import columns_read

from examples.datasets import MovieLens
from examples.joined import joined, member_seeds
from polytask.lab.studies import Outcome

# What a task's validation score is compared in, and in which direction.
PRIMARY = {"watch": ("auc", 1), "like": ("auc", 1), "rating": ("rmse", -1)}


class BestEpoch(keras.callbacks.Callback):
    """Keep the weights of the epoch with the best validation score of all tasks.

    Args:
        evaluation: The validation rows.
        patience: Epochs without improvement after which the training ends.
    """

    def __init__(self, evaluation: Evaluation, patience: int = 4) -> None:
        super().__init__()
        self.evaluation = evaluation
        self.patience = patience
        self.curve: list[dict[str, float]] = []
        self.best, self.epoch, self.weights = -np.inf, 0, None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score the validation rows."""
        scores = self.evaluation.scores(self.model)
        values = {task: s[PRIMARY[task][0]] for task, s in scores.items()}
        self.curve.append(values)
        score = sum(PRIMARY[task][1] * value for task, value in values.items())
        if score > self.best:
            self.best, self.epoch = score, epoch + 1
            self.weights = self.model.get_weights()
        elif epoch + 1 >= self.epoch + self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the best weights back."""
        if self.weights is not None:
            self.model.set_weights(self.weights)


class Problem:
    """MovieLens split by time, with all that is evaluated on it.

    Args:
        data: The data.
        quick: Fewer users to rank, fewer epochs.
        validate: Leave the test part alone.
    """

    def __init__(
        self, data: MovieLens, quick: bool = False, validate: bool = False
    ) -> None:
        rows = time_split(data.ratings)
        self.catalog: Catalog = catalog(data, rows["train"])
        self.parts = {name: data.ratings.iloc[part] for name, part in rows.items()}
        everything = np.zeros_like(self.catalog.watched)
        everything[data.ratings["user"], data.ratings["item"]] = True
        sample = self.parts["train"].iloc[:: max(len(self.parts["train"]) // 10_000, 1)]
        self.evaluations = {
            name: Evaluation(self.catalog, part, everything)
            for name, part in {**self.parts, "train": sample}.items()
            if not (validate and name == "test")
        }
        test = self.parts["test"]
        self.seen = everything.copy()
        self.seen[test["user"], test["item"]] = False
        self.epochs = 2 if quick else 25
        self.ranked_users = 20 if quick else 200
        self.unseen = {
            column: int((~known[test[column]]).sum())
            for column, known in (
                ("user", self.catalog.known_users),
                ("item", self.catalog.known_items),
            )
        }

    def train(
        self, tasks: tuple[str, ...], options: Options, seed: int
    ) -> tuple[Any, list[BestEpoch]]:
        """Return a trained network, and each member's validation curve."""
        columns = None
        if options.chooser is not None:
            chooser, _ = self._member(tasks, options.chooser, seed)
            columns = columns_read(chooser, self.catalog)
        seeds = member_seeds(seed, options.members)
        members, best = zip(
            *(self._member(tasks, options, own, columns) for own in seeds), strict=True
        )
        return joined(members), list(best)

    def _member(
        self,
        tasks: tuple[str, ...],
        options: Options,
        seed: int,
        columns: Mapping[str, Sequence[int]] | None = None,
    ) -> tuple[Any, BestEpoch]:
        keras.utils.set_random_seed(seed)
        model = build(self.catalog, tasks, options, columns)
        rows = TrainingRows(self.catalog, self.parts["train"], tasks, seed=seed)
        best = BestEpoch(self.evaluations["validation"])
        model.fit(rows, epochs=self.epochs, callbacks=[best], verbose=0)
        return model, best

    def scores(self, model: Any) -> dict[str, dict[str, dict[str, float]]]:
        """Return split → task → metric → value."""
        found = {name: e.scores(model) for name, e in self.evaluations.items()}
        if "watch" in found.get("test", {}):
            found["test"]["watch"]["ndcg@10"] = ndcg(
                model, self.catalog, self.parts["test"], self.seen, self.ranked_users
            )
        return found

    def outcome(
        self,
        options: Options | Mapping[str, Options],
        seed: int,
        together: bool,
        inspect: Callable[[Any], dict[str, Any]] | None = None,
    ) -> Outcome:
        """Train one network, or one for each task, and return what it measures.

        Args:
            options: The variant; of networks for each task, also task → its own.
            seed: Of everything random.
            together: Whether one network learns all tasks.
            inspect: Returns more to keep of a trained network.
        """
        scores: dict[str, dict[str, Any]] = {}
        extra: dict[str, Any] = {"curve": {}, "epochs": {}, "parameters": 0}
        for tasks in (TASKS,) if together else [(task,) for task in TASKS]:
            model, best = self.train(tasks, options_of(options, tasks[0]), seed)
            for split, found in self.scores(model).items():
                scores.setdefault(split, {}).update(found)
            name = "+".join(tasks)
            extra["curve"][name] = best[0].curve
            extra["epochs"][name] = round(np.median([each.epoch for each in best]))
            extra["parameters"] += model.count_params()
            if inspect is not None:
                extra.update(inspect(model))
        return Outcome(scores, extra)
