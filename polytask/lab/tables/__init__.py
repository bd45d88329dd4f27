"""Tables in, arrays out: reading, preprocessing, tasks, and the data registry."""

from polytask.lab.kinds import Task, parse_task, task_kinds
from polytask.lab.tables.column import Column
from polytask.lab.tables.dataset import Dataset, FeatureColumns, Split
from polytask.lab.tables.encode_targets import encode_labels, encode_targets
from polytask.lab.tables.fetch import DataEntry, DataFile, fetch
from polytask.lab.tables.from_table import from_table
from polytask.lab.tables.guess_columns import guess_columns
from polytask.lab.tables.init_study import study_template
from polytask.lab.tables.preprocessor import Preprocessor, TransformResult
from polytask.lab.tables.read_table import read_table
from polytask.lab.tables.registry import ENTRIES, bundled

__all__ = [
    "ENTRIES",
    "Column",
    "DataEntry",
    "DataFile",
    "Dataset",
    "FeatureColumns",
    "Preprocessor",
    "Split",
    "Task",
    "TransformResult",
    "bundled",
    "encode_labels",
    "encode_targets",
    "fetch",
    "from_table",
    "guess_columns",
    "parse_task",
    "read_table",
    "study_template",
    "task_kinds",
]
