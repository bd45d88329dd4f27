"""AUC, RMSE and NDCG@10 of a network on rows of user and film."""

from typing import Any

import keras_rs
import numpy as np
import pandas as pd
from rows import Catalog, with_negatives
from sklearn.metrics import roc_auc_score

BATCH = 8192


class Evaluation:
    """The rows of one part of the data, with one negative for each.

    Args:
        catalog: The features.
        rows: Ratings of this part.
        watched: (users, films), everything that anyone watched in any part.
        seed: Of the negatives.
    """

    def __init__(
        self, catalog: Catalog, rows: pd.DataFrame, watched: np.ndarray, seed: int = 0
    ) -> None:
        user, item, self.rating = with_negatives(rows, watched, seed)
        self.x = catalog.inputs(user, item)

    def scores(self, model: Any) -> dict[str, dict[str, float]]:
        """Return task → metric → value for the tasks of a network."""
        predicted = model.predict(self.x, batch_size=BATCH, verbose=0)
        rated = np.isfinite(self.rating)
        stars = self.rating[rated]
        found = {}
        for task, values in predicted.items():
            if task == "watch":
                found[task] = {"auc": _auc(rated, values[:, 0])}
            elif task == "like":
                found[task] = {"auc": _auc(stars >= 4, values[rated, 0])}
            else:
                found[task] = {"rmse": rmse(stars, values[rated, 0])}
        return found


def rmse(stars: np.ndarray, predicted: np.ndarray) -> float:
    """Return the root mean squared error of predictions clipped to 1 to 5 stars."""
    return float(np.sqrt(np.mean((np.clip(predicted, 1, 5) - stars) ** 2)))


def _auc(labels: np.ndarray, values: np.ndarray) -> float:
    both = 0 < labels.sum() < len(labels)
    return float(roc_auc_score(labels, values)) if both else float("nan")


def ndcg(
    model: Any, catalog: Catalog, test: pd.DataFrame, seen: np.ndarray, users: int = 200
) -> float:
    """Return NDCG@10 of all films that a user had not seen, ranked by `watch`.

    Every film of the catalog is ranked, not a sample of it; relevant are the films
    of the test part.

    Args:
        model: A network with the task `watch`.
        catalog: The features.
        test: Ratings of the test part.
        seen: (users, films), what was watched before.
        users: How many users to take, evenly spread over those with test rows.
    """
    there = np.unique(test["user"])
    taken = there[np.unique(np.linspace(0, len(there) - 1, users).astype(int))]
    films = seen.shape[1]
    relevant = np.zeros(seen.shape, "float32")
    relevant[test["user"], test["item"]] = 1.0
    values = []
    for part in np.array_split(taken, max(len(taken) * films // 200_000, 1)):
        x = catalog.inputs(np.repeat(part, films), np.tile(np.arange(films), len(part)))
        watch = model.predict(x, batch_size=BATCH, verbose=0)["watch"]
        values.append(watch.reshape(len(part), films))
    # Films seen before come after all others.
    ranked = np.where(seen[taken], -1.0, np.concatenate(values))
    metric = keras_rs.metrics.NDCG(k=10, shuffle_ties=False)
    metric.update_state(relevant[taken], ranked.astype("float32"))
    return float(metric.result())
