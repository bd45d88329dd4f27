"""The folder of a study: what was asked, and one file for each finished run."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from polytask._atomic import sweep, write_atomically
from polytask.errors import UserError
from polytask.lab.studies.check_place import check_place
from polytask.lab.studies.plan import MULTI_TASK, Run
from polytask.lab.studies.run_record import FORMAT

STUDY_FILE = "study.json"
FIT_MODEL = "model.keras"
STUDY_MODEL = "best.keras"

# What has to agree for runs to be comparable, and what to call it.
_IDENTITY = {
    "kind": "kind of folder",
    "name": "study",
    "data.fingerprint": "data",
    "tasks": "tasks",
    "network": "network",
    "budget": "budget",
    "created_by.backend": "backend",
}


def stored(folder: str | Path) -> "Store":
    """Return the store of an existing folder, a study's or a fitted model's.

    Raises:
        UserError: If it holds neither.
    """
    store = Store(folder)
    return Store(folder, fit=store.description().get("kind") == "fit")


class Store:
    """Reads and writes the folder of one study.

    Args:
        folder: Where; made when the study is opened.
        fit: Whether it holds one fitted model, which then lies beside `study.json`.

    Example:
        >>> Store("runs/digits").study_file.name
        'study.json'
    """

    def __init__(self, folder: str | Path, fit: bool = False) -> None:
        self.folder = Path(folder)
        self.fit = fit
        self.runs = self.folder / "runs"
        self.study_file = self.folder / STUDY_FILE

    def check(self, description: dict[str, Any]) -> None:
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
        stored = self.description()
        difference = _difference(stored, description)
        if difference:
            raise UserError(
                f"The folder {self.folder} holds another study: {difference}. Give "
                "another --out."
            )

    def open(self, description: dict[str, Any]) -> None:
        """Make the folder, or take it over from an interrupted run."""
        self.runs.mkdir(parents=True, exist_ok=True)
        sweep(self.folder)
        sweep(self.runs)
        write_atomically(self.study_file, to_json(description))

    def description(self) -> dict[str, Any]:
        """Return the stored `study.json`.

        Raises:
            UserError: If it is absent or damaged.
        """
        if not self.study_file.is_file():
            raise UserError(f"{self.folder} holds no study: {STUDY_FILE} is missing.")
        try:
            content = json.loads(self.study_file.read_text(encoding="utf-8"))
            content["tasks"], content["variants"], content["seeds"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.study_file} is damaged: {error}.") from error
        found: dict[str, Any] = content
        return found

    def record_file(self, run: Run) -> Path:
        """Return the file of a finished run."""
        return self.runs / f"{run.run_id}.json"

    def model_file(self, run: Run) -> Path:
        """Return the file of a multi-task run's model."""
        if self.fit:
            return self.folder / FIT_MODEL
        return self.runs / f"{run.run_id}.keras"

    def save(self, run: Run, record: dict[str, Any]) -> None:
        """Store a finished run; its model, if it has one, is there already."""
        write_atomically(self.record_file(run), to_json(record))

    def load(self, run: Run) -> dict[str, Any] | None:
        """Return a run's record, or None if it has to be trained.

        A damaged record counts as not trained, and a warning on stderr says so.
        """
        path = self.record_file(run)
        if not path.exists():
            return None
        problem = ""
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            problem = _problem(record, run)
        except (ValueError, TypeError, AttributeError) as error:
            problem = str(error)
        if (
            not problem
            and run.model == MULTI_TASK
            and not self.model_file(run).exists()
        ):
            problem = "its model is missing"
        if problem:
            print(
                f"polytask: warning: {path} is damaged ({problem}); the run is trained "
                "again.",
                file=sys.stderr,
            )
            return None
        return record

    @property
    def best_model_file(self) -> Path:
        """The file of the model that predicts."""
        return self.folder / (FIT_MODEL if self.fit else STUDY_MODEL)

    def records(self, runs: Iterable[Run]) -> dict[Run, dict[str, Any]]:
        """Return the finished ones of `runs` with their records."""
        loaded = {run: self.load(run) for run in runs}
        return {run: record for run, record in loaded.items() if record is not None}


def to_json(content: dict[str, Any]) -> str:
    """Return readable JSON; NaN is refused, as other readers refuse it."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _problem(record: dict[str, Any], run: Run) -> str:
    if record.get("format") != FORMAT:
        return f"format {record.get('format')}, expected {FORMAT}"
    if record.get("run_id") != run.run_id:
        return f"it is of the run {record.get('run_id')}"
    wanted = ("criterion", "scores", "history", "missing", "warnings", "zeros")
    absent = [key for key in wanted if key not in record]
    return f"{absent[0]} is missing" if absent else ""


def _difference(stored: dict[str, Any], asked: dict[str, Any]) -> str:
    for key, title in _IDENTITY.items():
        there, here = _at(stored, key), _at(asked, key)
        if there != here:
            return f"its {title} is {_short(there)}, asked for is {_short(here)}"
    variants = {v["name"]: v["settings"] for v in asked["variants"]}
    for variant in stored["variants"]:
        name = variant["name"]
        if name not in variants:
            return f"it has the variant {name}, which is not asked for"
        if variants[name] != variant["settings"]:
            return (
                f"its variant {name} is {_short(variant['settings'])}, asked for is "
                f"{_short(variants[name])}"
            )
    lost = set(stored["seeds"]) - set(asked["seeds"])
    if lost:
        return f"it has the seed {min(lost)}, which is not asked for"
    return ""


def _at(content: dict[str, Any], key: str) -> Any:
    value: Any = content
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."
