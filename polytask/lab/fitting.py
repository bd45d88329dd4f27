"""One network on one table: trained, kept in a folder, and read from it."""

import os
import shutil
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras

from polytask._atomic import replacing, scratch_folder, write_atomically
from polytask.errors import OptionError, UserError, plural
from polytask.lab.choosing import in_words
from polytask.lab.kinds import Task
from polytask.lab.model_file import check_model_file
from polytask.lab.reports import write_fit_report
from polytask.lab.studies.folder import LOCK, check_place, locked
from polytask.lab.studies.load_data import PREPROCESSING
from polytask.lab.studies.progress import StudyProgress
from polytask.lab.studies.recommended import estimated_seconds
from polytask.lab.studies.record import trained_run
from polytask.lab.studies.schema import (
    MULTI_TASK,
    STUDY_FILE,
    Description,
    Record,
    Run,
)
from polytask.lab.studies.store import Store, describe
from polytask.lab.studies.study import Study
from polytask.lab.studies.tables import write_tables
from polytask.lab.tables import Dataset, Preprocessor
from polytask.lab.tables.split_file import SPLIT_FILE, split_text


@dataclass(frozen=True)
class Fitted:
    """A trained network with all that belongs to it.

    Args:
        description: What was asked for, of which data: one variant, one seed.
        preprocessor: Makes a design matrix of a table.
        model: The network.
        record: What was measured.
        split: Which row of the table was in which part, as `split_text` writes it.
    """

    description: Description
    preprocessor: Preprocessor
    model: keras.Model
    record: Record
    split: str = ""

    @classmethod
    def train(
        cls,
        study: Study,
        dataset: Dataset,
        preprocessor: Preprocessor,
        verbose: bool = True,
    ) -> "Fitted":
        """Train the one network of a study.

        Args:
            study: What was asked for, checked by `check_variants`.
            dataset: Its rows.
            preprocessor: Made with them.
            verbose: Whether progress is shown on stderr.
        """
        description = describe(study, dataset, "", kind="fit")
        run = _only_run(description)
        if not verbose:
            trained, record = trained_run(study, dataset, run)
        else:
            print(f"polytask: {announcement(study, dataset)}", file=sys.stderr)
            epochs = study.budget.epochs * study.budget.members
            with StudyProgress(1, 0, 1, epochs) as progress:
                trained, record = trained_run(
                    study, dataset, run, lambda epoch: progress.epoch(0, run, epoch)
                )
                progress.done(run, record)
        split = split_text(dataset.rows)
        return cls(description, preprocessor, trained.model, record, split)

    @classmethod
    def read(cls, folder: str | Path) -> "Fitted":
        """Return what `write` wrote.

        Args:
            folder: The folder.

        Raises:
            UserError: If it holds something else, or a file is missing or damaged.
        """
        store = Store.existing(folder)
        if store.kind != "fit":
            raise UserError(f"{folder} holds no fitted model; it holds a {store.kind}.")
        description = store.description()
        tasks = [task.trained() for task in description.tasks]
        preprocessor = stored_preprocessor(store)
        model = stored_model(store, tasks, len(preprocessor.feature_names))
        record = store.read(_only_run(description))
        path = store.folder / SPLIT_FILE
        split = path.read_text(encoding="utf-8") if path.is_file() else ""
        return cls(description, preprocessor, model, record, split)

    def write(self, folder: Path, command: str) -> None:
        """Write model, preprocessing, measurements and report.

        Args:
            folder: An existing folder, of this process alone.
            command: What repeats it.
        """
        store = Store(folder, kind="fit")
        self.description.command = command
        store.open(self.description)
        run = _only_run(self.description)
        with replacing(store.model_file(run)) as aside:
            self.model.save(aside)
        store.save(run, self.record)
        write_tables(store)
        write_atomically(folder / PREPROCESSING, self.preprocessor.to_json())
        if self.split:
            write_atomically(folder / SPLIT_FILE, self.split)
        write_fit_report(folder)


def announcement(study: Study, dataset: Dataset) -> str:
    """Return in words what is trained, and about how long that takes.

    Args:
        study: What was asked for.
        dataset: Its rows.
    """
    budget, rows, tasks = study.budget, len(dataset.train), len(dataset.tasks)
    steps = rows // min(budget.batch_size, rows)
    seconds = estimated_seconds(
        rows, dataset.train.x.shape[1], study.network, study.budget
    )
    again = ", then once more on training and validation rows" if budget.refit else ""
    return (
        f"{plural(budget.members, 'network')} for {plural(tasks, 'task')}, at most "
        f"{plural(budget.epochs, 'epoch')} of {plural(steps, 'step')}"
        f"{again}: about {in_words(seconds)} at most on one core."
    )


def _only_run(description: Description) -> Run:
    return Run(MULTI_TASK, description.variants[0].name, description.seeds[0])


@contextmanager
def new_folder(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a folder to write a model to; it then takes the place of `folder`.

    Args:
        folder: Where the model is to lie.
        overwrite: Whether it may replace one.

    Yields:
        A folder of this process alone. An error in the block removes it and leaves
        `folder` as it was.

    Raises:
        UserError: If something else lies there, or another process writes to it.
    """
    check_new_folder(folder, overwrite)
    aside = scratch_folder(folder)
    aside.mkdir(parents=True, exist_ok=True)
    with locked(aside, called=folder):
        try:
            _clear(aside)
            yield aside
            _put(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def check_new_folder(folder: Path, overwrite: bool = False) -> None:
    """Refuse a folder with something in it, but for a model that may be replaced.

    Args:
        folder: Where a model is to lie.
        overwrite: Whether it may replace one.

    Raises:
        UserError: If something else lies there, or it cannot be made.
    """
    check_place(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not overwrite:
        raise OptionError(
            "overwrite",
            f" is needed, as {folder} exists and is not empty; or give another folder.",
        )
    is_run = (folder / STUDY_FILE).is_file()
    if not is_run or Store.existing(folder).kind != "fit":
        raise OptionError(
            "overwrite",
            f" replaces a fitted model, and {folder} holds "
            f"{'another study' if is_run else 'no study'}; give another folder.",
        )


def _clear(folder: Path) -> None:
    """Remove what a killed process left."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _put(aside: Path, folder: Path) -> None:
    """Give the finished folder its name, in place of an older one."""
    old = folder.with_name(f"{aside.name}-old")
    if folder.exists():
        os.replace(folder, old)
    os.replace(aside, folder)
    shutil.rmtree(old, ignore_errors=True)


def stored_preprocessor(store: Store) -> Preprocessor:
    """Return what a folder's model does to a table first.

    Raises:
        UserError: If it is missing or damaged.
    """
    path = store.folder / PREPROCESSING
    if not path.is_file():
        raise UserError(
            f"{store.folder} has no {PREPROCESSING}: predicting needs a model of "
            "your own table (polytask fit, or a study with a file)."
        )
    try:
        preprocessor = Preprocessor.from_json(path.read_text(encoding="utf-8"))
    except (UserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from error
    try:
        # What was learned is plain JSON, whose numbers nothing else checks.
        _ = preprocessor.feature_names
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error}.") from error
    return preprocessor


def stored_model(store: Store, tasks: Sequence[Task], features: int) -> keras.Model:
    """Return a folder's model.

    Args:
        store: The folder.
        tasks: Its tasks.
        features: Columns of its design matrix.

    Raises:
        UserError: If it is missing, damaged or another run's.
    """
    path = store.best_model_file
    if not path.is_file():
        if store.kind == "path":
            raise UserError(
                f"{store.folder} holds a path, which keeps no model; expected is the "
                "folder of a fit or a study."
            )
        raise UserError(f"{path} is missing; the run has no finished model.")
    if not zipfile.is_zipfile(path):
        # Keras says of such a file that it was not found.
        raise UserError(f"The model {path} is damaged: it is not a zip archive.")
    check_model_file(path)
    try:
        model: keras.Model = keras.saving.load_model(path, compile=False)
    except Exception as error:
        # A damaged file fails anywhere in zip, JSON, HDF5 or Keras itself.
        reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
        raise UserError(f"The model {path} is damaged: {reason}") from error
    names = list(model.output) if isinstance(model.output, dict) else []
    if names != [task.name for task in tasks] or model.input_shape[-1] != features:
        raise UserError(
            f"The model {path} does not belong to this run: it has the outputs {names} "
            f"and {model.input_shape[-1]} features, expected are "
            f"{[task.name for task in tasks]} and {features}."
        )
    return model
