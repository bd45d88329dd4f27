"""Taobao: reached the cart, and bought, with the order of the two kept."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
from keras import layers
from sklearn.metrics import roc_auc_score

from examples.datasets import Taobao
from polytask import MultiTaskModel
from polytask.lab.studies import Outcome
from polytask.layers import FrequencyAwareL2, FunnelPenalty

STAGES = ("cart", "buy")
DIMENSION, UNITS, BATCH = 16, 32, 8192


@dataclass(frozen=True)
class PairOptions:
    """What differs between the variants.

    Args:
        funnel: Strength of the funnel penalty; 0 for none.
        frequency_l2: Strength of the frequency-aware L2 of the embeddings.
    """

    funnel: float = 0.0
    frequency_l2: float = 0.0


VARIANTS = {
    "single-task": (PairOptions(), False),
    "multi-task": (PairOptions(), True),
    "frequency-aware L2": (PairOptions(frequency_l2=0.01), True),
    "funnel 0.6": (PairOptions(funnel=0.6), True),
    "funnel 5": (PairOptions(funnel=5.0), True),
}
QUICK = ("single-task", "funnel 0.6")


class Pairs:
    """Rows of user and item with the stage that was reached, split for training.

    A pair is labeled `cart` if it was put into the cart or bought, and `buy` if it was
    bought: in the files themselves most purchases have no cart. Test rows are the last
    purchase of each user (the official test file) and a tenth of the carts that did not
    end in a purchase; no training row is one of them. A tenth of the remaining pairs
    chooses the epoch. Each part has one random other item for every pair.

    Args:
        data: The data.
        users: How many users to take, drawn with seed 0.
    """

    def __init__(self, data: Taobao, users: int) -> None:
        rng = np.random.default_rng(0)
        taken = rng.permutation(data.users)[:users]
        bought, last, cart = (
            table[table["user"].isin(taken)]
            for table in (data.bought, data.bought_last, data.cart)
        )
        carts = _without(cart, pd.concat([bought, last])).assign(buy=0.0)
        held = rng.random(len(carts)) < 0.1
        train = pd.concat([_without(bought, last).assign(buy=1.0), carts[~held]])
        chooses = rng.random(len(train)) < 0.1
        self.tables = {
            "train": train[~chooses],
            "validation": train[chooses],
            "test": pd.concat([last.assign(buy=1.0), carts[held]]),
        }
        # Ids without a training row share number 0.
        self.numbers, self.sizes = {}, {}
        for column, size in (("user", data.users), ("item", data.items)):
            known = np.unique(self.tables["train"][column])
            self.numbers[column] = np.zeros(size, "int32")
            self.numbers[column][known] = np.arange(1, len(known) + 1)
            self.sizes[column] = len(known) + 1
        everything = pd.concat(self.tables.values())
        self.items = np.unique(everything["item"])
        self._pairs = np.unique(_key(everything["user"], everything["item"]))

    def rows(self, part: str, seed: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return inputs and labels of a part, with negatives drawn by `seed`."""
        table = self.tables[part]
        users = table["user"].to_numpy()
        rng = np.random.default_rng(seed)
        items = rng.choice(self.items, len(users))
        # A user with every item keeps what was drawn in the last round.
        for _ in range(50):
            taken = np.isin(_key(users, items), self._pairs)
            if not taken.any():
                break
            items[taken] = rng.choice(self.items, int(taken.sum()))
        both = np.concatenate([table["item"], items])
        x = {
            "user": self.numbers["user"][np.tile(users, 2)][:, None],
            "item": self.numbers["item"][both][:, None],
        }
        cart = np.repeat([1.0, 0.0], len(users))
        buy = np.concatenate([table["buy"], np.zeros(len(users))])
        y = {"cart": cart[:, None], "buy": buy[:, None]}
        return x, {task: labels.astype("float32") for task, labels in y.items()}


def _key(users: Any, items: Any) -> np.ndarray:
    """Return one number for each pair."""
    return np.asarray(users, "int64") << 32 | np.asarray(items, "int64")


def _without(table: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of a table that another does not have."""
    there = np.isin(
        _key(table["user"], table["item"]), _key(others["user"], others["item"])
    )
    return table[~there]


def build(pairs: Pairs, tasks: tuple[str, ...], options: PairOptions) -> MultiTaskModel:
    """Return the network for one stage or both, compiled."""
    ids = {n: keras.Input((1,), dtype="int32", name=n) for n in ("user", "item")}
    train = pairs.rows("train", seed=0)[0]
    rows = len(pairs.tables["train"])
    counts = {
        name: np.bincount(train[name][:rows, 0], minlength=size)
        for name, size in pairs.sizes.items()
    }

    def embedded(name: str, dimension: int, start: Any) -> Any:
        found = layers.Embedding(pairs.sizes[name], dimension, start)(ids[name])
        if options.frequency_l2:
            penalty = FrequencyAwareL2(options.frequency_l2, counts=counts[name])
            found = penalty([ids[name], found])
        return layers.Flatten()(found)

    start = keras.initializers.RandomNormal(stddev=0.05)
    vectors = [embedded(name, DIMENSION, start) for name in ids]
    hidden = layers.Dense(UNITS, "relu")(layers.Concatenate()(vectors))
    shared = layers.Concatenate()([layers.Multiply()(vectors), hidden])
    outputs = []
    for task in tasks:
        score = layers.Add()(
            [layers.Dense(1, name=f"{task}_head")(shared), embedded("item", 1, "zeros")]
        )
        outputs.append(layers.Activation("sigmoid", name=task)(score))
    if options.funnel and len(tasks) > 1:
        outputs = FunnelPenalty(options.funnel)(outputs)
    model = MultiTaskModel(ids, dict(zip(tasks, outputs, strict=True)))
    model.compile(keras.optimizers.Adam(4e-3), loss="binary_crossentropy")
    return model


def outcome(
    pairs: Pairs, options: PairOptions, seed: int, together: bool, epochs: int
) -> Outcome:
    """Train one network for both stages, or one for each, and score it.

    Besides the AUC of each stage, `extra` holds how often and by how much a test row
    breaks P(buy) ≤ P(cart).
    """
    predictions: dict[str, dict[str, np.ndarray]] = {}
    parts = {name: pairs.rows(name, seed=[0]) for name in pairs.tables}
    for tasks in (STAGES,) if together else [(task,) for task in STAGES]:
        keras.utils.set_random_seed(seed)
        model = build(pairs, tasks, options)
        best = (-np.inf, model.get_weights())
        for epoch in range(epochs):
            x, y = pairs.rows("train", seed=[1, seed, epoch])
            targets = {task: y[task] for task in tasks}
            model.fit(x, targets, batch_size=BATCH, verbose=0)
            x, y = parts["validation"]
            found = _aucs(model.predict(x, batch_size=8192, verbose=0), y)
            score = sum(found[task]["auc"] for task in tasks)
            if score > best[0]:
                best = (score, model.get_weights())
        model.set_weights(best[1])
        for name, (x, _) in parts.items():
            found = model.predict(x, batch_size=8192, verbose=0)
            predictions.setdefault(name, {}).update(found)
    scores = {name: _aucs(predictions[name], y) for name, (_, y) in parts.items()}
    excess = predictions["test"]["buy"] - predictions["test"]["cart"]
    broken = {
        "rows": float(np.mean(excess > 0)),
        "mean": float(np.mean(np.maximum(excess, 0))),
    }
    return Outcome(scores, {"broken": broken})


def _aucs(
    predicted: dict[str, np.ndarray], y: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    return {
        task: {"auc": float(roc_auc_score(y[task][:, 0], values[:, 0]))}
        for task, values in predicted.items()
    }
