"""What a training recorded of its tasks' gradients, as rows of a table."""

from collections.abc import Sequence

from polytask.optimizers.gradient_summary import GradientSummary

GradientRow = tuple[int, str, str, str, float]


def gradient_rows(
    summaries: Sequence[GradientSummary], tasks: Sequence[str]
) -> list[GradientRow]:
    """Return rows (epoch, task, other task, quantity, value).

    Args:
        summaries: One for each epoch.
        tasks: Names of the tasks.

    Returns:
        For each epoch, counted from 1: `"conflict"` once, with neither task;
        `"weight"` and `"gradient_norm"` for each task; `"cosine"` for each pair.
    """
    rows: list[GradientRow] = []
    for epoch, summary in enumerate(summaries, start=1):
        rows.append((epoch, "", "", "conflict", summary.conflict))
        for i, task in enumerate(tasks):
            rows.append((epoch, task, "", "weight", float(summary.weights[i])))
            rows.append((epoch, task, "", "gradient_norm", float(summary.norms[i])))
            rows += [
                (epoch, task, tasks[j], "cosine", float(summary.cosines[i, j]))
                for j in range(i + 1, len(tasks))
            ]
    return rows
