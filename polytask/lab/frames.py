"""DataFrames that users hand over and get back."""

from typing import Any

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.tables.forms import cell_text


def checked_frame(frame: Any, name: str) -> pd.DataFrame:
    """Return a DataFrame with names of text, refused where it is none."""
    if not isinstance(frame, pd.DataFrame):
        raise UserError(
            f"{name} is a {type(frame).__name__}; accepted is a pandas DataFrame."
        )
    return frame.rename(columns=str)


def joined(frame: Any, labels: Any) -> pd.DataFrame:
    """Return one table of inputs and targets."""
    whole = checked_frame(frame, "X")
    if labels is None:
        return whole
    targets = labels.to_frame() if isinstance(labels, pd.Series) else labels
    targets = checked_frame(targets, "y")
    if len(targets) != len(whole):
        raise UserError(f"X has {len(whole)} rows and y {len(targets)}.")
    twice = [name for name in targets.columns if name in whole.columns]
    if twice:
        raise UserError(f"Column {twice[0]!r} stands in X and in y.")
    return pd.concat([whole, targets.set_axis(whole.index)], axis=1)


def classes_as_given(series: pd.Series, classes: tuple[str, ...]) -> np.ndarray:
    """Return classes as the values that the table has for them."""
    values = {cell_text(value): value for value in series.dropna().unique()}
    return np.array([values.get(label, label) for label in classes])


def score_table(scores: list[tuple[str, str, str, float | None]]) -> pd.DataFrame:
    """Return measured rows as a table by task, split and metric."""
    names = ["task", "split", "metric", "value"]
    table = pd.DataFrame(scores, columns=names).astype({"value": float})
    return table.set_index(names[:3])
