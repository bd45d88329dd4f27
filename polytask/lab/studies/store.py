"""The folder of a study: what was asked, and one file for each finished run."""

import json
import platform
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import msgspec

from polytask._atomic import sweep, write_atomically
from polytask.errors import UserError
from polytask.lab.studies.folder import check_place
from polytask.lab.studies.schema import (
    FORMAT,
    MULTI_TASK,
    STUDY_FILE,
    Description,
    Record,
    Run,
    decoded,
    encoded,
    read_stored,
    record_file,
)
from polytask.lab.studies.study import Study
from polytask.lab.tables import Dataset
from polytask.lab.tables.read_table import is_table
from polytask_options import Budget, DataSource, Network, options

FIT_MODEL = "model.keras"
STUDY_MODEL = "best.keras"

# Unknown to studies that were stored before it.
_FIXED_COLUMNS = "source.fixed_columns"

# What has to agree for runs to be comparable, and what to call it.
_IDENTITY = {
    "kind": "kind of folder",
    "name": "study",
    "data.fingerprint": "data",
    _FIXED_COLUMNS: "choice of fixed_columns",
    "source.min_frequency": "min_frequency",
    "source.max_categories": "max_categories",
    "tasks": "tasks",
    "network": "network",
    "budget": "budget",
    "vary": "variation of repeats",
    "tuning": "tuning",
    "settings": "settings",
    "created_by.backend": "backend",
}


def describe(
    study: Study,
    dataset: Dataset,
    command: str,
    kind: str = "study",
    test_ratio: float = 0.0,
) -> Description:
    """Return what was asked, of which data, with which software.

    Args:
        study: What was asked for.
        dataset: Its data.
        command: The command line that repeats it.
        kind: `"study"`, `"fit"` for one model, or `"path"`.
        test_ratio: Test rows by those that train and choose, where splits are random.
    """
    request = study.to_dict()
    return msgspec.convert(
        {
            **request,
            "format": FORMAT,
            "kind": kind,
            "created_by": versions(),
            "data": dataset.facts,
            "source": request["data"],
            "tasks": [task.to_dict() for task in dataset.tasks],
            "fingerprint": study.fingerprint,
            "command": command,
            "test_ratio": test_ratio,
        },
        Description,
    )


def versions() -> dict[str, str]:
    """Return the versions of polytask, Python, Keras and the backend."""
    import polytask

    backend = keras.backend.backend()
    return {
        "polytask": polytask.__version__,
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": backend,
        # Loaded by Keras. TensorFlow is published under several names, so not by them.
        "backend_version": str(sys.modules[backend].__version__),
        "platform": f"{platform.system()} {platform.machine()}",
    }


class Store:
    """Reads and writes the folder of one study.

    Args:
        folder: Where; made when the study is opened.
        kind: `"study"`; `"fit"`, whose one model lies beside `study.json`; or
            `"experiment"` and `"path"`, which keep no models.

    Example:
        >>> Store("runs/digits").study_file.name
        'study.json'
    """

    def __init__(self, folder: str | Path, kind: str = "study") -> None:
        self.folder = Path(folder)
        self.kind = kind
        self.runs = self.folder / "runs"
        self.study_file = self.folder / STUDY_FILE

    @classmethod
    def existing(cls, folder: str | Path) -> "Store":
        """Return the store of an existing folder, of whatever kind it is.

        Raises:
            UserError: If it holds no study, or is none of a run's folders.
        """
        path = Path(folder)
        if path.is_file():
            if (path.parent / STUDY_FILE).is_file():
                raise UserError(
                    f"{path} is a file; expected is the folder of a run, {path.parent}."
                )
            first = f"polytask compare {path}"
            if is_table(path):
                first = f"polytask fit {path} --task COLUMN:KIND"
            what = "a table" if is_table(path) else "a file"
            raise UserError(
                f"{path} is {what}; expected is the folder of a run. Train first: "
                f"{first}, and name the folder that it prints."
            )
        return cls(folder, cls(folder).description().kind)

    def check(self, description: Description) -> None:
        """Refuse a folder that holds something else.

        A study may be continued, and extended by variants and seeds.

        Args:
            description: The content of `study.json` for this request.

        Raises:
            UserError: Naming the folder and what differs.
        """
        if not self.folder.exists():
            check_place(self.folder)
            return
        if not self.folder.is_dir():
            raise UserError(f"{self.folder} is a file; --out names a folder.")
        if not self.study_file.exists():
            strange = [
                path.name
                for path in sorted(self.folder.iterdir())
                if not path.name.startswith(".")
            ]
            if strange:
                raise UserError(
                    f"The folder {self.folder} is not empty and holds no study (it "
                    f"has {strange[0]}); give another --out."
                )
            return
        # Read as it would be stored: a tuple is a list there.
        asked = decoded(encoded(description), Description)
        difference = _difference(self.description(), asked)
        if difference:
            raise UserError(
                f"The folder {self.folder} holds another study: {difference}. Give "
                "another --out."
            )

    def continued(self, study: Study) -> Study:
        """Return the study with its features decided as those of the finished runs.

        Args:
            study: What is asked for.
        """
        if study.data.fixed_columns is not None or not self.study_file.exists():
            return study
        stored = self.description().source.get("fixed_columns", False)
        return replace(study, data=replace(study.data, fixed_columns=stored))

    def open(self, description: Description) -> None:
        """Make the folder, or take it over from an interrupted run."""
        self.runs.mkdir(parents=True, exist_ok=True)
        sweep(self.folder)
        sweep(self.runs)
        write_atomically(self.study_file, encoded(description))

    def description(self) -> Description:
        """Return the stored `study.json`.

        Raises:
            UserError: If it is absent or damaged.
        """
        if not self.study_file.is_file():
            raise UserError(f"{self.folder} holds no study: {STUDY_FILE} is missing.")
        return read_stored(self.study_file, Description)

    def record_file(self, run: Run) -> Path:
        """Return the file of a finished run."""
        return record_file(self.folder, run)

    def model_file(self, run: Run) -> Path:
        """Return the file of a multi-task run's model."""
        if self.kind == "fit":
            return self.folder / FIT_MODEL
        return self.runs / f"{run.run_id}.keras"

    @property
    def best_model_file(self) -> Path:
        """The file of the model that predicts."""
        return self.folder / (FIT_MODEL if self.kind == "fit" else STUDY_MODEL)

    def save(self, run: Run, record: Record) -> None:
        """Store a finished run; its model, if it has one, is there already."""
        write_atomically(self.record_file(run), encoded(record))

    def read(self, run: Run) -> Record:
        """Return a run's stored record.

        Raises:
            UserError: If it is absent, damaged or lacks its model.
        """
        path = self.record_file(run)
        record = read_stored(path, Record)
        if record.run_id != run.run_id:
            raise UserError(f"{path} is damaged: it is of the run {record.run_id}.")
        has_model = self.kind not in ("experiment", "path") and run.model == MULTI_TASK
        if has_model and not self.model_file(run).exists():
            raise UserError(f"{path} is damaged: its model is missing.")
        return record

    def load(self, run: Run) -> Record | None:
        """Return a run's record, or None if it has to be trained.

        A damaged record counts as not trained, and a warning on stderr says so.
        """
        if not self.record_file(run).exists():
            return None
        try:
            return self.read(run)
        except UserError as error:
            print(
                f"polytask: warning: {error} The run is trained again.", file=sys.stderr
            )
            return None

    def records(self, runs: Iterable[Run]) -> dict[Run, Record]:
        """Return the finished ones of `runs` with their records."""
        loaded = {run: self.load(run) for run in runs}
        return {run: record for run, record in loaded.items() if record is not None}


def _difference(stored: Description, asked: Description) -> str:
    there, here = msgspec.to_builtins(stored), msgspec.to_builtins(asked)
    for key, title in _IDENTITY.items():
        before, now = (_known_before(key, _at(one, key)) for one in (there, here))
        if before != now:
            return f"its {title} is {_short(before)}, asked for is {_short(now)}"
    encoded_as = _encodings(asked)
    for column, before in _encodings(stored).items():
        if before != encoded_as.get(column, before):
            return (
                f"its column {column!r} is {before}, asked for is {encoded_as[column]}"
            )
    variants = {variant.name: variant.settings for variant in asked.variants}
    for variant in stored.variants:
        if variant.name not in variants:
            return f"it has the variant {variant.name}, which is not asked for"
        if variants[variant.name] != variant.settings:
            return (
                f"its variant {variant.name} is {_short(variant.settings)}, asked for "
                f"is {_short(variants[variant.name])}"
            )
    lost = set(stored.seeds) - set(asked.seeds)
    if lost:
        return f"it has the seed {min(lost)}, which is not asked for"
    return ""


def _encodings(description: Description) -> dict[Any, str]:
    """Return column → what a network sees of it, in words."""
    return {
        column.get("name"): f"{column.get('kind')} of {column.get('features')} features"
        for column in description.facts.columns
    }


def _known_before(key: str, value: Any) -> Any:
    """Return a value as it was before options that came later, where they are unset."""
    if key == _FIXED_COLUMNS:
        return bool(value)
    if key.startswith("source.") and value is None:
        return getattr(DataSource(), key.removeprefix("source."))
    declared = {"network": Network(), "budget": Budget()}.get(key)
    if declared is None:
        return value
    later = {name for name, one in options(declared).items() if one.later}
    # As JSON has them: a tuple is a list there.
    defaults = json.loads(json.dumps({n: getattr(declared, n) for n in later}))
    return {
        name: one
        for name, one in value.items()
        if name not in later or one != defaults[name]
    }


def _at(content: dict[str, Any], key: str) -> Any:
    value: Any = content
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."
