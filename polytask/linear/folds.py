"""Folds of cross-validation, of shared examples or of each task's own."""

from typing import Any

import numpy as np
from sklearn.model_selection import KFold, check_cv

from polytask.errors import UserError
from polytask.linear.samples import Samples, missing


def held_out_rows(
    samples: Samples, cv: Any, random_state: int | None
) -> list[list[np.ndarray]]:
    """Return the positions held out in each table, for each fold.

    Args:
        samples: The examples.
        cv: Number of folds, at least 2; for one table of inputs also pairs of the row
            numbers to fit and to hold out, or a splitter of scikit-learn.
        random_state: Seed of the folds.

    Raises:
        UserError: If the number of folds is not valid, or a task has too few examples.
    """
    if samples.shared and (hasattr(cv, "split") or np.iterable(cv)):
        splits = check_cv(cv).split(np.zeros(samples.xs[0].shape[0]))
        return [[np.asarray(held_out)] for _, held_out in splits]
    whole = isinstance(cv, int | np.integer) and not isinstance(cv, bool)
    if not whole or cv < 2:
        raise UserError(f"cv must be an integer, at least 2; found {cv!r}.")
    random = np.random.RandomState(random_state)
    held_out: list[list[np.ndarray]] = [[] for _ in range(cv)]
    for t, x in enumerate(samples.xs):
        examples = x.shape[0]
        if examples < cv:
            raise UserError(
                f"Cannot split n_samples={examples} of table {t} into cv={cv} folds. "
                "Use fewer folds or more examples."
            )
        folds = KFold(cv, shuffle=True, random_state=random)
        for fold, (_, rows) in enumerate(folds.split(np.zeros(examples))):
            held_out[fold].append(rows)
    return held_out


def split(
    samples: Samples, held_out: list[np.ndarray], cv: Any
) -> tuple[Samples, Samples]:
    """Return the examples to fit and those to hold out.

    Args:
        samples: The examples.
        held_out: Positions in each table.
        cv: As in `held_out_rows`, for the message.

    Raises:
        UserError: If a task has no label left to fit.
    """
    kept = [
        np.setdiff1d(np.arange(x.shape[0]), rows)
        for x, rows in zip(samples.xs, held_out, strict=True)
    ]
    train, test = samples.subset(kept), samples.subset(held_out)
    for name, y in zip(train.names, train.ys, strict=True):
        if missing(y).all():
            raise UserError(
                f'Task "{name}" has labels in one of the cv={cv} folds only. Use fewer '
                "folds, or drop the task."
            )
    return train, test


def mean_errors(
    errors: np.ndarray, samples: Samples, folds: list[list[np.ndarray]]
) -> np.ndarray:
    """Return the mean errors over folds, each by the weight of its examples.

    Args:
        errors: Mean squared error held out (options, folds).
        samples: The examples.
        folds: What `held_out_rows` returned.
    """
    counts = [
        sum(samples.weights_of(t)[rows].sum() for t, rows in enumerate(held_out))
        for held_out in folds
    ]
    means: np.ndarray = np.average(errors, axis=1, weights=counts)
    return means
