"""What the diagnostics of a fitted model leave in its folder."""

from msgspec import Struct

from polytask.lab.studies.schema import FORMAT
from polytask.lab.studies.summary_schema import BaselineModel

DIAGNOSTICS_FILE = "diagnostics.json"


class TaskDiagnostics(Struct, kw_only=True):
    """One task.

    Attributes:
        task: Its name.
        confusion: Numbers of rows by label (down) and prediction (across), in the order
            of the classes; empty where there are none, or too many.
        pairs: Labels and predictions of some rows, where they are numbers.
        importance: Column → by how much the first metric gets worse when its cells
            change places, the most important first.
    """

    task: str
    confusion: list[list[int]] = []
    pairs: list[tuple[float, float]] = []
    importance: list[tuple[str, float]] = []


class Diagnostics(Struct, kw_only=True):
    """All tasks, on one split, and the models of other kinds beside them."""

    format: int = FORMAT
    split: str
    tasks: list[TaskDiagnostics]
    baselines: list[BaselineModel]
