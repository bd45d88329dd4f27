"""RMSE of the rating task on the five official folds of MovieLens-100K."""

import keras
import numpy as np
from evaluate import BATCH, rmse
from network import Options, build
from rows import TrainingRows, catalog

from examples.datasets import Fold, MovieLens
from examples.joined import joined, member_seeds
from polytask.lab.studies import Outcome

# Published on u1: R. van den Berg, T. Kipf, M. Welling (2018), "Graph Convolutional
# Matrix Completion", without and with features.
PUBLISHED_U1 = {"GC-MC": 0.910, "GC-MC with features": 0.905}


def biases(
    data: MovieLens, fold: Fold, ridge: float = 5.0, sweeps: int = 10
) -> Outcome:
    """Predict mean + bias of the user + bias of the film, by alternating ridge."""
    train, test = (data.ratings.iloc[rows] for rows in (fold.train, fold.test))
    mean = train["rating"].mean()
    sizes = {"user": len(data.users), "item": len(data.items)}
    found = {name: np.zeros(size) for name, size in sizes.items()}

    def predicted(rows: object) -> np.ndarray:
        return mean + sum(found[name][rows[name]] for name in found)

    for _ in range(sweeps):
        for name, size in sizes.items():
            rest = train["rating"] - predicted(train) + found[name][train[name]]
            sums = np.bincount(train[name], weights=rest, minlength=size)
            found[name] = sums / (np.bincount(train[name], minlength=size) + ridge)
    return _outcome(
        rmse(train["rating"].to_numpy(), predicted(train)),
        rmse(test["rating"].to_numpy(), predicted(test)),
    )


def network(
    data: MovieLens,
    fold: Fold,
    tasks: tuple[str, ...],
    options: Options,
    epochs: int,
    seed: int,
) -> Outcome:
    """Train on a fold for a number of epochs that was chosen elsewhere.

    Args:
        data: The data.
        fold: The fold; its test rows are predicted once, at the end.
        tasks: Tasks, `rating` among them.
        options: The variant.
        epochs: How long to train.
        seed: Of everything random.
    """
    known = catalog(data, fold.train)
    rows = data.ratings.iloc[fold.train]
    members = []
    for own in member_seeds(seed, options.members):
        keras.utils.set_random_seed(own)
        member = build(known, tasks, options)
        batches = TrainingRows(known, rows, tasks, seed=own)
        member.fit(batches, epochs=epochs, verbose=0)
        members.append(member)
    model = joined(members)
    errors = []
    for part in (rows.iloc[::8], data.ratings.iloc[fold.test]):
        x = known.inputs(part["user"].to_numpy(), part["item"].to_numpy())
        stars = model.predict(x, batch_size=BATCH, verbose=0)["rating"][:, 0]
        errors.append(rmse(part["rating"].to_numpy(), stars))
    return _outcome(*errors)


def _outcome(train: float, test: float) -> Outcome:
    return Outcome(
        {"train": {"rating": {"rmse": train}}, "test": {"rating": {"rmse": test}}}
    )
