"""MovieLens as rows of user and film: features, splits, sampled negatives."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd

from examples.datasets import MovieLens

TASKS = ("watch", "like", "rating")
LIKED = 4
AGES = (0, 17, 24, 34, 44, 49, 55, 200)
YEARS = (0, 1949, 1959, 1969, 1979, 1989, 1992, 1993, 1994, 1995, 1996, 3000)


@dataclass(frozen=True)
class Catalog:
    """What is known of users and films. Row 0 of each table stands for an unknown one.

    Args:
        user: Features of the users, (users + 1, columns).
        item: Features of the films, (films + 1, columns).
        user_names: Names of the columns of `user`, as "field=value".
        item_names: Names of the columns of `item`.
        crossed: Columns of `user` and of `item` whose products are features too.
        known_users: Whether a user has a training row; index from 0.
        known_items: Whether a film has one.
        watched: (users, films), where a training row is.
        facts: Base rates of the training rows, for the initial biases.
    """

    user: np.ndarray
    item: np.ndarray
    user_names: list[str]
    item_names: list[str]
    crossed: tuple[np.ndarray, np.ndarray]
    known_users: np.ndarray
    known_items: np.ndarray
    watched: np.ndarray
    facts: dict[str, float]

    @property
    def cross_names(self) -> list[str]:
        """Names of the products, as "gender=F × genre=Drama"."""
        return [
            f"{self.user_names[u]} × {self.item_names[i]}"
            for u in self.crossed[0]
            for i in self.crossed[1]
        ]

    def inputs(self, user: np.ndarray, item: np.ndarray) -> dict[str, np.ndarray]:
        """Return what the network reads; ids without a training row become 0."""
        return self._inputs(
            np.where(self.known_users[user], user + 1, 0),
            np.where(self.known_items[item], item + 1, 0),
            self.user[user + 1],
            self.item[item + 1],
        )

    def _inputs(
        self, user: np.ndarray, item: np.ndarray, users: np.ndarray, items: np.ndarray
    ) -> dict[str, np.ndarray]:
        left, right = users[:, self.crossed[0]], items[:, self.crossed[1]]
        cross = (left[:, :, None] * right[:, None, :]).reshape(len(user), -1)
        return {
            "user": user[:, None].astype("int32"),
            "item": item[:, None].astype("int32"),
            "user_features": users,
            "item_features": items,
            "cross_features": cross,
        }


def catalog(data: MovieLens, train: np.ndarray) -> Catalog:
    """Return the features; what depends on ratings is counted on the training rows.

    Args:
        data: The data.
        train: Row numbers of the training ratings.
    """
    rows = data.ratings.iloc[train]
    users, items = data.users, data.items
    shape = (len(users), len(items))
    watched = np.zeros(shape, bool)
    watched[rows["user"], rows["item"]] = True
    user = _one_hot(
        {
            "age": pd.cut(users["age"], AGES).map(lambda b: f"{b.left + 1}-{b.right}"),
            "gender": users["gender"],
            "occupation": users["occupation"],
            "zip": users["zip"].str[0],
        }
    )
    years = items["released"].dt.year.fillna(1995)
    genres = items[list(data.genres)].add_prefix("genre=").astype("float32")
    released = _one_hot({"released": pd.cut(years, YEARS).map(lambda b: f"{b.right}")})
    item = pd.concat([genres, released], axis=1)
    for table, axis in ((user, 1), (item, 0)):
        counts = np.log1p(watched.sum(axis=axis))
        table["popularity" if table is item else "activity"] = counts / counts.max()
    liked = rows["rating"] >= LIKED
    return Catalog(
        user=_with_unknown(user),
        item=_with_unknown(item),
        user_names=list(user.columns),
        item_names=list(item.columns),
        crossed=(
            np.flatnonzero(user.columns.str.match("age=|gender=")),
            np.flatnonzero(item.columns.str.startswith("genre=")),
        ),
        known_users=watched.any(axis=1),
        known_items=watched.any(axis=0),
        watched=watched,
        facts={"rating": float(rows["rating"].mean()), "like": float(liked.mean())},
    )


def _one_hot(fields: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame({name: values.astype(str) for name, values in fields.items()})
    return pd.get_dummies(frame, prefix_sep="=", dtype="float32")


def _with_unknown(table: pd.DataFrame) -> np.ndarray:
    rows = table.to_numpy("float32")
    return np.vstack([np.zeros_like(rows[:1]), rows])


def time_split(
    ratings: pd.DataFrame, shares: tuple[float, float] = (0.8, 0.9)
) -> dict[str, np.ndarray]:
    """Split every user's ratings in the order of time.

    A split of all ratings at one moment would leave 85 % of the later rows to users
    that nothing is known of: most users rated all their films within an hour.

    Args:
        ratings: The ratings.
        shares: Where the validation and the test part begin.
    """
    order = ratings.assign(row=np.arange(len(ratings))).sort_values(["time", "row"])
    place = order.groupby("user").cumcount() / order.groupby("user")["row"].transform(
        "size"
    )
    part = np.digitize(place, shares)
    rows = order["row"].to_numpy()
    names = ("train", "validation", "test")
    return {name: np.sort(rows[part == k]) for k, name in enumerate(names)}


def targets(ratings: np.ndarray) -> dict[str, np.ndarray]:
    """Return the labels of rated rows and of negatives, whose rating is NaN."""
    watch = np.isfinite(ratings)
    like = np.where(watch, ratings >= LIKED, np.nan)
    columns = {"watch": watch, "like": like, "rating": ratings}
    return {task: y[:, None].astype("float32") for task, y in columns.items()}


def with_negatives(
    rows: pd.DataFrame, watched: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return users, films and ratings: the rows, and one unwatched film for each.

    Args:
        rows: Ratings.
        watched: (users, films); a negative is drawn from the others.
        seed: Of the draw.
    """
    rng = np.random.default_rng(seed)
    users = rows["user"].to_numpy()
    films = rng.integers(watched.shape[1], size=len(users))
    # Who watched everything keeps what was drawn.
    possible = ~watched.all(axis=1)[users]
    while (taken := watched[users, films] & possible).any():
        films[taken] = rng.integers(watched.shape[1], size=int(taken.sum()))
    ratings = np.concatenate([rows["rating"], np.full(len(users), np.nan)])
    return np.tile(users, 2), np.concatenate([rows["item"], films]), ratings


class TrainingRows(keras.utils.PyDataset):
    """Batches of rated rows and of negatives that are drawn anew in every epoch.

    Args:
        catalog: The features.
        rows: Training ratings.
        tasks: The tasks to return labels of. Without `watch` there are no negatives.
        batch_size: Rows of a batch.
        unknown: Share of the ids that are replaced by 0, each by itself, so that the
            network learns what to say of a user or film that it does not know.
        seed: Of every draw.
    """

    def __init__(
        self,
        catalog: Catalog,
        rows: pd.DataFrame,
        tasks: tuple[str, ...],
        batch_size: int = 2048,
        unknown: float = 0.02,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.catalog = catalog
        self.rows = rows
        self.tasks = tasks
        self.batch_size = batch_size
        self.unknown = unknown
        self.random = np.random.default_rng(seed)
        self._draw()

    def _draw(self) -> None:
        if "watch" in self.tasks:
            seed = int(self.random.integers(2**31))
            drawn = with_negatives(self.rows, self.catalog.watched, seed)
        else:
            drawn = tuple(self.rows[c].to_numpy() for c in ("user", "item", "rating"))
        order = self.random.permutation(len(drawn[0]))
        self.user, self.item, self.rating = (values[order] for values in drawn)

    def on_epoch_end(self) -> None:
        """Draw new negatives and a new order."""
        self._draw()

    def __len__(self) -> int:
        return max(len(self.user) // self.batch_size, 1)

    def __getitem__(self, index: int) -> tuple[dict[str, Any], dict[str, Any]]:
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        x = self.catalog.inputs(self.user[part], self.item[part])
        for name in ("user", "item"):
            forgotten = self.random.random(x[name].shape) < self.unknown
            x[name] = np.where(forgotten, 0, x[name]).astype("int32")
        y = targets(self.rating[part])
        return x, {task: y[task] for task in self.tasks}
