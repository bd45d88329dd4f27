"""What the files of a study folder hold; writers and readers share it.

    study.json         what was asked, of which data, with which software: `Description`
    runs/<id>.json     what one finished training measured: `Record`
    runs/<id>.keras    its model, for a multi-task training
    results.parquet    one row a variant, model, task, seed, split and metric: `RESULTS`
    history.parquet    the same by epoch: `HISTORY`
    runs.parquet       one row a training: `RUNS`
    gradients.parquet  how the tasks' gradients conflict, by epoch: `GRADIENTS`
    reliability.parquet  predicted and observed probabilities: `RELIABILITY`
    baselines.json     what single-task models of other kinds reach: `BaselineModels`
    preprocessing.json what a table's columns became, and
    split.csv          which of its rows trained, chose the epoch and were the test
    diagnostics.json   of a fit: what its predictions look like and need
    features.json      variant → which columns its best model uses: `Features`
    summary.json       what it all comes to: `Summary`

Only the first three kinds of file and the baselines are results; the others follow.
`BaselineModels` and `Summary` are in `summary_schema`.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from polytask.errors import UserError
from polytask.lab.kinds import KINDS, Task
from polytask.metric_direction import higher_is_better

FORMAT = 1
MULTI_TASK = "multi-task"
SINGLE_TASK = "single-task"
BASELINE = "baseline"
#: What each of `polytask_options.Baselines` is, in the words of a report.
BASELINES = {
    "constant": "constant",
    "linear": "linear model",
    "trees": "boosted trees",
    "svm": "RBF support vector machine",
    "lightgbm": "LightGBM",
}
#: Kinds of folders with single-task networks beside those for all tasks.
COMPARED = ("study", "search")
SPLITS = ("train", "validation", "test")

STUDY_FILE = "study.json"
SUMMARY_FILE = "summary.json"
FEATURES_FILE = "features.json"
BASELINES_FILE = "baselines.json"
RESULTS_FILE = "results.parquet"
HISTORY_FILE = "history.parquet"
RUNS_FILE = "runs.parquet"
GRADIENTS_FILE = "gradients.parquet"
RELIABILITY_FILE = "reliability.parquet"
RESULTS = ("variant", "model", "task", "seed", "split", "metric", "value")
HISTORY = ("variant", "model", "task", "seed", "epoch", "split", "metric", "value")
GRADIENTS = ("variant", "seed", "epoch", "task", "other", "quantity", "value")
RELIABILITY = ("variant", "seed", "task", "bin", "rows", "predicted", "observed")
RUNS = (
    *("run_id", "variant", "model", "task", "seed", "best_epoch", "epochs"),
    *("parameters", "weights", "zeros", "seconds"),
)

# File systems take 255 bytes, and what is written aside has a longer name.
_LONGEST_NAME = 220

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One training: a variant and a seed, on all tasks or on one alone.

    Args:
        model: `"multi-task"` or `"single-task"`.
        variant: Name of the variant.
        seed: Of initial weights, batches and dropout.
        task: The one task of a single-task run, `""` for all.
    """

    model: str
    variant: str
    seed: int
    task: str = ""

    @property
    def run_id(self) -> str:
        """The name of the run's file, without its ending."""
        task = _file_name(self.task) if self.task else "all"
        # A study's own names are plain; those of an experiment are any text.
        variant = quote(self.variant, safe="").replace("--", "%2D%2D")
        name = f"{self.model}--{task}--{variant}--seed{self.seed}"
        if len(name) <= _LONGEST_NAME:
            return name
        # A question of a survey may be a column's name.
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        end = f"~{digest}--seed{self.seed}"
        return name[: _LONGEST_NAME - len(end)] + end


def _file_name(task: str) -> str:
    # A task is any column name; "--" has to stay the separator.
    return quote(task, safe="").replace("-", "%2D")


class Features(Struct, kw_only=True):
    """Which source columns a model uses.

    Attributes:
        shared: Used by every task.
        tasks: Task → used by it.
        dropped: Used by none.
        total: How many there are.
        seed: Of the model, where it is the best of several.
    """

    shared: list[str]
    tasks: dict[str, list[str]]
    dropped: list[str]
    total: int
    seed: int | None = None


class Record(Struct, kw_only=True):
    """What is kept of one finished run.

    Attributes:
        format: Of the file.
        run_id: Of the run, as `Run` names it; so are the next four.
        model: Multi-task or single-task.
        variant: Name of the variant.
        task: The one task of a single-task run.
        seed: Its seed.
        scores: Rows (task, split, metric, value); None where undefined.
        seconds: Wall-clock time of the training.
        criterion: Smallest validation criterion, see `EpochSelection`; this and what
            follows is None or empty where the training does not tell.
        best_epoch: The kept epoch, from 1.
        epochs: How many were trained.
        parameters: Of the model.
        weights: Entries of its kernels.
        zeros: Those that are exactly zero.
        features: Which columns it uses.
        missing: Rows (task, split, metric, reason) of undefined metrics.
        reliability: Rows (task, bin, rows, mean predicted probability, observed share)
            of test data, see `polytask.lab.reliability`.
        history: Rows (task, epoch, split, metric, value).
        gradients: Rows (epoch, task, other task, quantity, value), see
            `polytask.lab.studies.train`.
        warnings: What was warned of while training.
        lanes: How many trainings ran beside each other in its program, itself included.
        extra: Whatever else a training function of the user's own keeps.
    """

    format: int = FORMAT
    run_id: str
    model: str
    variant: str
    task: str
    seed: int
    scores: list[tuple[str, str, str, float | None]]
    seconds: float | None = None
    criterion: float | None = None
    best_epoch: int | None = None
    epochs: int | None = None
    parameters: int | None = None
    weights: int | None = None
    zeros: int | None = None
    features: Features | None = None
    missing: list[tuple[str, str, str, str]] = []
    reliability: list[tuple[str, int, float, float, float]] = []
    history: list[tuple[str, int, str, str, float | None]] = []
    gradients: list[tuple[int, str, str, str, float | None]] = []
    warnings: list[str] = []
    lanes: int = 1
    extra: dict[str, Any] = {}

    @classmethod
    def of(cls, run: Run, **measured: Any) -> "Record":
        """Return the record of a run.

        Args:
            run: Which run.
            **measured: The attributes that `run` does not name.
        """
        return cls(
            run_id=run.run_id,
            model=run.model,
            variant=run.variant,
            task=run.task,
            seed=run.seed,
            **measured,
        )


class StoredTask(Struct, kw_only=True):
    """One task, with what was fitted of it.

    Attributes:
        name: The target's column.
        kind: Of the task; empty in an experiment, which names its metric instead.
        classes: The labels as text.
        mean: Of a number's training labels.
        scale: Their standard deviation.
        metric: The metric that decides, where the kind does not say it.
        higher: Whether more of it is better, where its name does not say it.
    """

    name: str
    kind: str = ""
    classes: list[str] = []
    mean: float = 0.0
    scale: float = 1.0
    metric: str = ""
    higher: bool | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS and not self.metric:
            raise ValueError(
                f"task {self.name!r} is of kind {self.kind!r}; known are "
                f"{', '.join(sorted(KINDS))}"
            )

    @property
    def primary(self) -> str:
        """The metric that decides."""
        return self.metric or KINDS[self.kind].primary.name

    @property
    def higher_is_better(self) -> bool:
        """Which way it goes."""
        known = higher_is_better(self.primary) if self.higher is None else self.higher
        return bool(known)

    def trained(self) -> Task:
        """Return the task as a model was trained on it."""
        return Task(self.name, self.kind, tuple(self.classes), self.mean, self.scale)


class LabelFacts(Struct, kw_only=True):
    """The labels of one task in one split."""

    labeled: int | None = None
    missing: int | None = None
    counts: dict[str, int] = {}
    mean: float | None = None
    std: float | None = None


class TaskFacts(Struct, kw_only=True):
    """The labels of one task."""

    train: LabelFacts | None = None
    validation: LabelFacts | None = None
    test: LabelFacts | None = None


class Facts(Struct, kw_only=True):
    """What reports read of the facts of a data set."""

    source: str = ""
    license: str = ""
    fingerprint: str = ""
    notes: list[str] = []
    rows: dict[str, int] = {}
    tasks: dict[str, TaskFacts] = {}
    columns: list[dict[str, Any]] = []


class StoredVariant(Struct, kw_only=True):
    """One configuration."""

    name: str
    title: str = ""
    settings: dict[str, Any] = {}


class Description(Struct, kw_only=True):
    """What was asked, of which data, with which software.

    Attributes:
        format: Of the folder.
        kind: `"study"`, `"search"`, `"fit"` for one model, `"path"` for one strength of
            a penalty after the other, or `"experiment"` for trainings by functions of
            the user's own.
        tasks: The tasks.
        variants: The configurations.
        seeds: The seeds asked for.
        name: Short name.
        title: The report's headline.
        created_by: Versions of polytask, Python, Keras and the backend.
        data: The facts of the data set.
        source: Where the data come from.
        network: Widths and activation.
        budget: What each run may spend.
        vary: What repeats differ in, see `Study`; empty for seeds on one split.
        margin: The smallest Δm in percent that matters.
        test_ratio: Test rows by those that train and choose, where splits are random.
        tuning: How the arms were tuned; empty if they were not.
        tuned: Arm, in words → option → what tuning chose.
        alone: Variants that are also trained on each task alone; None for all.
        plain: Name of the variant without regularization.
        baseline: Variant that Δm is relative to; None for the strongest single-task
            network of each task.
        settings: What the results of an experiment or search depend on.
        fingerprint: Of the request.
        command: That repeats it.
        notes: Sentences for the report.
    """

    format: int = FORMAT
    kind: str = "study"
    tasks: list[StoredTask] = []
    variants: list[StoredVariant] = []
    seeds: list[int] = []
    name: str = ""
    title: str = ""
    created_by: dict[str, str] = {}
    data: dict[str, Any] = {}
    source: dict[str, Any] = {}
    network: dict[str, Any] = {}
    budget: dict[str, Any] = {}
    vary: str = ""
    margin: float = 1.0
    test_ratio: float = 0.0
    tuning: dict[str, Any] = {}
    tuned: dict[str, dict[str, Any]] = {}
    alone: list[str] | None = None
    plain: str | None = None
    baseline: str | None = None
    settings: dict[str, Any] = {}
    fingerprint: str = ""
    command: str = ""
    notes: list[str] = []

    def __post_init__(self) -> None:
        for key in ("tasks", "variants", "seeds"):
            if not getattr(self, key) and self.kind != "experiment":
                raise ValueError(f"it has no {key!r}; it does not describe a study")
        self.facts  # noqa: B018 - read once, to be checked.

    @property
    def facts(self) -> Facts:
        """The facts of the data set."""
        return msgspec.convert(self.data, Facts)


def record_file(folder: Path, run: Run) -> Path:
    """Return the file of a finished run in a study's folder."""
    return folder / "runs" / f"{run.run_id}.json"


def encoded(content: Any) -> bytes:
    """Return readable JSON; NaN becomes null, as other readers refuse it."""
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def decoded(content: bytes, kind: type[T]) -> T:
    """Return what JSON holds, checked.

    Raises:
        ValueError: If it is no JSON, of another format or shape; the message says what.
    """
    # Older files may hold NaN, which strict readers refuse.
    values = json.loads(content, parse_int=_integer)
    if not isinstance(values, dict):
        raise ValueError("it does not hold a JSON object")
    if values.get("format", FORMAT) != FORMAT:
        raise ValueError(
            f"it has format {values['format']!r}; this version of polytask reads "
            f"format {FORMAT}"
        )
    return msgspec.convert(values, kind)


def _integer(text: str) -> int:
    # Tables hold 64 bits.
    if len(text) > 18:
        raise ValueError(f"it holds the number {text[:20]}...")
    return int(text)


def read_stored(path: Path, kind: type[T]) -> T:
    """Return what a stored file holds.

    Raises:
        UserError: If it is missing or damaged; the message names the file.
    """
    try:
        return decoded(path.read_bytes(), kind)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; a study folder has one.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {error}.") from error
