"""Folds of cross-validation, of shared examples or of each task's own."""

from typing import Any

import numpy as np
from sklearn.model_selection import KFold, check_cv

from polytask.errors import UserError
from polytask.linear.samples import Samples, missing

#: The examples to fit, and those to hold out.
Fold = tuple[Samples, Samples]


def make_folds(samples: Samples, cv: Any, random_state: int | None) -> list[Fold]:
    """Return the folds.

    Args:
        samples: The examples.
        cv: Number of folds, at least 2; for one table of inputs also pairs of the row
            numbers to fit and to hold out, or a splitter of scikit-learn.
        random_state: Seed of the folds.

    Raises:
        UserError: If the number of folds is not valid, a task has too few examples, or
            none with a label is left to fit.
    """
    if samples.shared and (hasattr(cv, "split") or np.iterable(cv)):
        pairs = check_cv(cv).split(np.zeros(samples.xs[0].shape[0]))
        rows = [([fit], [held_out]) for fit, held_out in pairs]
    else:
        rows = _random_rows(samples, cv, random_state)
    folds = [(samples.subset(fit), samples.subset(out)) for fit, out in rows]
    for train, _ in folds:
        for name, y in zip(train.names, train.ys, strict=True):
            if missing(y).all():
                raise UserError(
                    f'Task "{name}" has no label among the rows that one of the '
                    f"cv={cv} folds fits. Use fewer folds, or drop the task."
                )
    return folds


def _random_rows(
    samples: Samples, cv: Any, random_state: int | None
) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Return the positions to fit and to hold out in each table, for each fold."""
    whole = isinstance(cv, int | np.integer) and not isinstance(cv, bool)
    if not whole or cv < 2:
        raise UserError(f"cv must be an integer, at least 2; found {cv!r}.")
    random = np.random.RandomState(random_state)
    rows: list[tuple[list[np.ndarray], list[np.ndarray]]] = [
        ([], []) for _ in range(cv)
    ]
    for t, x in enumerate(samples.xs):
        examples = x.shape[0]
        if examples < cv:
            raise UserError(
                f"Cannot split n_samples={examples} of table {t} into cv={cv} folds. "
                "Use fewer folds or more examples."
            )
        splits = KFold(cv, shuffle=True, random_state=random).split(np.zeros(examples))
        for (fit, held_out), own in zip(rows, splits, strict=True):
            fit.append(own[0])
            held_out.append(own[1])
    return rows


def mean_errors(errors: np.ndarray, folds: list[Fold]) -> np.ndarray:
    """Return the mean errors over all labels held out, by the weight of their examples.

    Args:
        errors: Mean squared error held out (options, folds).
        folds: What `make_folds` returned.

    Raises:
        UserError: If no label is held out.
    """
    held_out = [_weight_of_labels(test) for _, test in folds]
    if not any(held_out):
        raise UserError(
            f"None of the {len(folds)} folds of cv holds out a label, so that there is "
            "no error to choose by."
        )
    means: np.ndarray = np.average(errors, axis=1, weights=held_out)
    return means


def _weight_of_labels(samples: Samples) -> float:
    return sum(
        float(samples.weights_of(0 if samples.shared else t)[~missing(y)].sum())
        for t, y in enumerate(samples.ys)
    )
