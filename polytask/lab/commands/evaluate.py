"""`polytask evaluate`: a stored model measured on a table with labels."""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polytask.errors import UserError
from polytask.lab.commands.applied import Applied
from polytask.lab.metrics.evaluate import counted, evaluate
from polytask.lab.tables.encode_targets import encode_labels
from polytask.lab.tables.from_table import row_weights


def run(flags: argparse.Namespace) -> None:
    """Run the verb."""
    applied = Applied.read(flags)
    known = applied.table.names
    labeled = [task for task in applied.tasks if task.name in known]
    if not labeled:
        names = ", ".join(task.name for task in applied.tasks)
        raise UserError(f"{flags.table} has no column with labels: {names}.")
    weight = applied.weight if applied.weight in known else None
    read = [*(task.name for task in labeled), *([] if weight is None else [weight])]
    weights, labels, found = [], [], []
    for chunk, predictions in applied.chunks():
        cells = applied.table.with_numbers(chunk[read])
        labels.append({t.name: encode_labels(cells[t.name], t) for t in labeled})
        found.append({t.name: predictions[t.name] for t in labeled})
        if weight is not None:
            weights.append(row_weights(cells[weight], weight))
    table = Table()
    for heading in ("task", "rows", "metric", "value"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for task in labeled:
        y = np.concatenate([part[task.name] for part in labels])
        prediction = np.concatenate([part[task.name] for part in found])
        each = np.concatenate(weights) if weights else None
        scores, reasons = evaluate(task, y, prediction, weight=each)
        rows = str(int(counted(y, each).sum()))
        for metric, value in scores.items():
            shown = reasons.get(metric) or f"{value:.4f}"
            table.add_row(Text(task.name), rows, metric, shown)
    applied.say_what_was_odd()
    Console().print(table)
