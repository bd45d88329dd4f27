"""DataFrames that users hand over and get back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.tables.forms import cell_text

# Targets apart from their table, in a form that scikit-learn hands on.
Labels = pd.DataFrame | pd.Series | Mapping[str, Any] | np.ndarray


def checked_frame(
    frame: Any, name: str, accepted: str = "a pandas DataFrame"
) -> pd.DataFrame:
    """Return a DataFrame with names of text, refused where it is none."""
    if not isinstance(frame, pd.DataFrame):
        raise UserError(f"{name} is a {type(frame).__name__}; accepted is {accepted}.")
    return frame.rename(columns=str)


def joined(frame: Any, labels: Any, tasks: Sequence[str]) -> pd.DataFrame:
    """Return one table of inputs and targets.

    Args:
        frame: The table.
        labels: The targets as a table, a series, a dict by task, or an array with a
            column for each task; None where the table has them.
        tasks: The names of the tasks, in the order of an array's columns.
    """
    whole = checked_frame(frame, "X")
    if labels is None:
        return whole
    columns = labels if isinstance(labels, Mapping) else {"": labels}
    for task, values in columns.items():
        if np.ndim(values) and len(values) != len(whole):
            named = f"y[{task!r}]" if task else "y"
            raise UserError(f"X has {len(whole)} rows and {named} {len(values)}.")
    forms = "a pandas DataFrame, a series, a dict by task, or an array"
    targets = checked_frame(_by_task(labels, tasks), "y", forms)
    twice = [name for name in targets.columns if name in whole.columns]
    if twice:
        raise UserError(f"Column {twice[0]!r} stands in X and in y.")
    return pd.concat([whole, targets.set_axis(whole.index)], axis=1)


def _by_task(labels: Any, tasks: Sequence[str]) -> Any:
    """Return targets as a table, where their form tells whose they are."""
    if isinstance(labels, pd.Series):
        return labels.to_frame()
    if isinstance(labels, Mapping):
        return pd.DataFrame(
            {t: pd.Series(v).reset_index(drop=True) for t, v in labels.items()}
        )
    if isinstance(labels, np.ndarray):
        table = labels[:, None] if labels.ndim == 1 else labels
        if table.ndim != 2 or table.shape[1] != len(tasks):
            raise UserError(
                f"y has the shape {labels.shape}; an array has a column for each of "
                f"the tasks {', '.join(tasks)}."
            )
        return pd.DataFrame(table, columns=list(tasks)).infer_objects()
    return labels


def classes_as_given(series: pd.Series, classes: tuple[str, ...]) -> np.ndarray:
    """Return classes as the values that the table has for them."""
    values = {cell_text(value): value for value in series.dropna().unique()}
    return np.array([values.get(label, label) for label in classes])


def score_table(scores: list[tuple[str, str, str, float | None]]) -> pd.DataFrame:
    """Return measured rows as a table by task, split and metric."""
    names = ["task", "split", "metric", "value"]
    table = pd.DataFrame(scores, columns=names).astype({"value": float})
    return table.set_index(names[:3])
