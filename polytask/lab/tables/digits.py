"""Handwritten digits with few, partly labeled training rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polytask.lab.kinds import Task, is_labeled
from polytask.lab.tables.dataset import (
    Dataset,
    Split,
    class_notes,
    fingerprint,
    label_facts,
)
from polytask.lab.tables.fetch import DataEntry
from polytask.lab.tables.split_rows import PARTS

TRAIN = 230
VALIDATION = 400
HIDDEN = 0.5
DARKEST = 16.0
NO_YES = ("no", "yes")
TASKS = (
    Task("digit", "multiclass", tuple(str(digit) for digit in range(10))),
    Task("even", "binary", NO_YES),
    Task("at_least_five", "binary", NO_YES),
)


def load_digits(
    data_dir: str | Path | None = None,
    full: bool = False,
    seed: int = 0,
    fixed_columns: bool = True,
) -> Dataset:
    """Load scikit-learn's digits as a problem with sparse labels.

    230 training images, 400 validation images, the rest test, stratified by digit.
    Each task's label is hidden at random in half of the training rows, independently;
    training rows left without any label are dropped. Validation and test rows keep
    all labels.

    Args:
        data_dir: Not needed; the images come with scikit-learn.
        full: Train on 1,000 images instead of 230.
        seed: Of the split and the hidden labels.
        fixed_columns: Makes no difference: each pixel is a feature.

    Returns:
        8 by 8 pixels scaled to [0, 1] as 64 features; tasks `digit` (10 classes),
        `even`, `at_least_five`.
    """
    # Imported here: half a second that reading a table can do without.
    import sklearn.datasets
    from sklearn.model_selection import train_test_split

    pixels, digit = sklearn.datasets.load_digits(return_X_y=True)
    x = (pixels / DARKEST).astype(np.float32)
    y = {
        "digit": digit.astype(np.int32),
        "even": (digit % 2 == 0).astype(np.float32),
        "at_least_five": (digit >= 5).astype(np.float32),
    }
    train_size = 1000 if full else TRAIN
    rest, train = train_test_split(
        np.arange(len(x)), test_size=train_size, random_state=seed, stratify=digit
    )
    test, validation = train_test_split(
        rest, test_size=VALIDATION, random_state=seed, stratify=digit[rest]
    )
    train = np.sort(train)
    random = np.random.default_rng(seed)
    for task in TASKS:
        hidden = random.permutation(train)[: round(HIDDEN * len(train))]
        y[task.name][hidden] = task.rules.missing
    labeled = np.any([is_labeled(y[t.name][train]) for t in TASKS], axis=0)
    dropped = int((~labeled).sum())
    parts = (train[labeled], np.sort(validation), np.sort(test))
    rows = dict(zip(PARTS, parts, strict=True))
    splits = {
        part: Split(x[numbers], {name: labels[numbers] for name, labels in y.items()})
        for part, numbers in rows.items()
    }
    names = tuple(f"pixel_{i // 8}_{i % 8}" for i in range(x.shape[1]))
    frame = pd.DataFrame(x, columns=list(names)).assign(**y)
    facts: dict[str, Any] = {
        **DIGITS.about(),
        "seed": seed,
        "fingerprint": fingerprint(frame, rows),
        "rows": {**{p: len(n) for p, n in rows.items()}, "dropped": dropped},
        "tasks": {task.name: label_facts(task, splits) for task in TASKS},
        "columns": [
            {
                "name": name,
                "kind": "numeric",
                "reason": "gray value, 0 to 1",
                "role": "input",
                "features": 1,
                "missing": 0,
            }
            for name in names
        ],
        "features": len(names),
        "notes": [
            f"Few training rows on purpose: {train_size} of 1,797 images, so that "
            "overfitting shows.",
            f"Each task's label is hidden at random in {HIDDEN:.0%} of the training "
            f"rows; {dropped} rows left without any label are dropped.",
            *class_notes(TASKS, splits),
        ],
    }
    return Dataset(
        name="digits",
        tasks=TASKS,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        feature_names=names,
        feature_sources=names,
        facts=facts,
    )


DIGITS = DataEntry(
    name="digits",
    title="Optical recognition of handwritten digits (test part), from scikit-learn",
    homepage="https://archive.ics.uci.edu/dataset/80/"
    "optical+recognition+of+handwritten+digits",
    license="CC BY 4.0",
    license_url="https://creativecommons.org/licenses/by/4.0/legalcode",
    citation="E. Alpaydin, C. Kaynak (1998). Optical Recognition of Handwritten "
    "Digits. UCI Machine Learning Repository. https://doi.org/10.24432/C50P49",
    load=load_digits,
)
