"""Tables in, arrays out: reading, preprocessing, tasks, and the data registry."""

from typing import TYPE_CHECKING, Any

from polytask.data.dataset import Dataset, Split
from polytask.data.encode_targets import encode_labels, encode_targets
from polytask.data.entry import DataEntry, DataFile
from polytask.data.fdu_mtl import load_fdu_mtl
from polytask.data.fetch import fetch
from polytask.data.from_table import from_table
from polytask.data.guess_columns import ColumnGuess, guess_columns
from polytask.data.init_study import study_template
from polytask.data.movielens import Fold, MovieLens, load_movielens
from polytask.data.mtfl import load_mtfl, load_mtfl_backgrounds, write_mtfl_crops
from polytask.data.olivetti import load_olivetti
from polytask.data.picture_set import PictureRows, PictureSet
from polytask.data.preprocessor import Preprocessor, TransformResult
from polytask.data.read_table import read_table
from polytask.data.registry import ENTRIES, bundled
from polytask.data.taobao import Taobao, load_taobao
from polytask.data.task import Task, parse_task, task_kinds
from polytask.data.text_set import TextRows, TextSet
from polytask.data.youtube_faces import load_youtube_faces, write_youtube_frames

if TYPE_CHECKING:
    from polytask.data.task_mixture import TaskMixture

__all__ = [
    "ENTRIES",
    "ColumnGuess",
    "DataEntry",
    "DataFile",
    "Dataset",
    "Fold",
    "MovieLens",
    "PictureRows",
    "PictureSet",
    "Preprocessor",
    "Split",
    "Taobao",
    "Task",
    "TaskMixture",
    "TextRows",
    "TextSet",
    "TransformResult",
    "bundled",
    "encode_labels",
    "encode_targets",
    "fetch",
    "from_table",
    "guess_columns",
    "load_fdu_mtl",
    "load_movielens",
    "load_mtfl",
    "load_mtfl_backgrounds",
    "load_olivetti",
    "load_taobao",
    "load_youtube_faces",
    "parse_task",
    "read_table",
    "study_template",
    "task_kinds",
    "write_mtfl_crops",
    "write_youtube_frames",
]


def __getattr__(name: str) -> Any:
    # The mixture is a Keras data set; reading and applying tables needs no Keras.
    if name == "TaskMixture":
        from polytask.data.task_mixture import TaskMixture

        return TaskMixture
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
