"""The data of a study, split once or once for each repeat; what belongs to them."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from polytask._atomic import write_atomically
from polytask.errors import OptionError, TableWarning, UserError
from polytask.lab.studies.progress import CountProgress
from polytask.lab.studies.study import BY_DATA, Study
from polytask.lab.tables import Dataset, Preprocessor, bundled, from_table, read_table
from polytask.lab.tables.split_file import SPLIT_FILE, split_text
from polytask_options import DataSource
from polytask_options.splits import split_rule
from polytask_options.study import SEED, SPLIT_AND_SEED

PREPROCESSING = "preprocessing.json"
#: Splits of more bytes than that together are made anew where they are asked for.
KEPT_BYTES = 2**28


def load_data(source: DataSource) -> tuple[Dataset, Preprocessor | None]:
    """Return the data set that a study names.

    Args:
        source: A bundled data set or a table.

    Returns:
        The data set; for an own table also its preprocessing.

    Raises:
        UserError: If the data cannot be read or do not fit the tasks.
    """
    return _Reader(source).split(source.seed)


class _Reader:
    """Where rows come from; a table is read once, and split as often as asked for."""

    def __init__(self, source: DataSource) -> None:
        self.source = source
        if not source.name:
            self.table = read_table(
                Path(source.file),
                sep=source.sep,
                decimal=source.decimal,
                encoding=source.encoding,
            )

    def split(self, seed: int) -> tuple[Dataset, Preprocessor | None]:
        source = replace(self.source, seed=seed)
        if not source.name:
            return own_data(source, self.table, Path(source.file).name.split(".")[0])
        dataset = bundled(
            source.name,
            data_dir=source.data_dir,
            full=source.full,
            seed=seed,
            fixed_columns=bool(source.fixed_columns),
        )
        return dataset, None


class StudyData:
    """The data of a study, split once or once for each repeat.

    It can be pickled; the rows are then read anew.

    Args:
        study: What was asked for.

    Attributes:
        study: The same, with what repeats differ in decided by the data, and with the
            same features for all splits, if it does not say otherwise.

    Raises:
        UserError: If the data cannot be read, do not fit the tasks, or are split
            without test rows.
    """

    def __init__(self, study: Study) -> None:
        rule = split_rule(study.data.split)
        if rule is not None and not rule.shares[2]:
            raise OptionError(
                "split",
                f" leaves no test rows ({', '.join(map('{:g}'.format, rule.shares))}), "
                "by which this judges; give them a share above 0.",
            )
        self.study = study
        self.preprocessor: Preprocessor | None = None
        self._reader: _Reader | None = None
        self._kept: dict[int, Dataset] = {}
        if study.varies_split and study.data.fixed_columns is None:
            self.study = replace(study, data=replace(study.data, fixed_columns=True))
        if study.vary == BY_DATA:
            if _names_test_rows(study.data) or self.first.facts.get("official_split"):
                # One split has the features of its training rows.
                self._reader, self._kept = None, {}
                self.study = replace(study, vary=SEED)
            else:
                self.study = replace(self.study, vary=SPLIT_AND_SEED)

    def __reduce__(self) -> tuple[object, ...]:
        return _read_once, (_Hashed(self.study),)

    def source(self, seed: int | None = None) -> DataSource:
        """Return where the rows of a repeat come from.

        Args:
            seed: Of the repeat; None for the first.
        """
        study = self.study
        own = study.seeds[0] if seed is None else seed
        start = study.data.seed
        return replace(study.data, seed=start + own if study.varies_split else start)

    @property
    def first(self) -> Dataset:
        """The rows of the first repeat, or of all seeds."""
        seed = self.study.seeds[0]
        if seed not in self._kept:
            self._kept[seed], self.preprocessor = self._split(seed)
        return self._kept[seed]

    def take(self, first: Dataset) -> None:
        """Take the rows of the first repeat from who has read them already.

        Args:
            first: The rows.
        """
        self._kept.setdefault(self.study.seeds[0], first)

    @property
    def parts(self) -> dict[int, Dataset]:
        """Seed → rows of the repeats, the first one first; once where all have these.

        Raises:
            UserError: If they are too large to be kept at a time.
        """
        seeds = self.study.seeds if self.study.varies_split else self.study.seeds[:1]
        if not self.fits_memory:
            raise UserError(
                f"The {len(seeds)} splits of {self.first.name} are too large to be "
                'sent together; use fewer repeats, or vary = "seed".'
            )
        return {seed: self.of(seed) for seed in seeds}

    def splits(self, seeds: Iterable[int]) -> dict[int, Dataset] | None:
        """Return seed → rows of some repeats, None where all have the same.

        Args:
            seeds: Of the repeats; one may come several times.
        """
        if not self.study.varies_split:
            return None
        return {seed: self.of(seed) for seed in dict.fromkeys(seeds)}

    def keep(self, parts: Mapping[int, Dataset]) -> None:
        """Take rows from who has read them already.

        Args:
            parts: Seed → rows, as of `parts`.
        """
        self._kept.update(parts)

    def of(self, seed: int) -> Dataset:
        """Return the rows of the repeat with a seed.

        Args:
            seed: Of the repeat; one of the study's.
        """
        if not self.study.varies_split or seed == self.study.seeds[0]:
            return self.first
        if seed in self._kept:
            return self._kept[seed]
        with warnings.catch_warnings():
            # The first split has shown them.
            warnings.simplefilter("ignore", TableWarning)
            try:
                dataset, _ = self._split(seed)
            except UserError as error:
                raise UserError(f"Repeat {seed} cannot be split: {error}") from error
        if len(self._kept) * _bytes(dataset) < KEPT_BYTES:
            self._kept[seed] = dataset
        return dataset

    def _split(self, seed: int) -> tuple[Dataset, Preprocessor | None]:
        if self._reader is None:
            self._reader = _Reader(self.study.data)
        return self._reader.split(self.source(seed).seed)

    @property
    def fits_memory(self) -> bool:
        """Whether the splits of all repeats can be kept at a time."""
        splits = len(self.study.seeds)
        fits = splits * _bytes(self.first) < KEPT_BYTES
        return fits or not self.study.varies_split

    def check(self) -> None:
        """Draw every repeat's split, before anything is trained.

        Raises:
            UserError: If one cannot be drawn, or the rows do not allow so many.
        """
        if not self.study.varies_split:
            return
        repeats = len(self.study.seeds)
        known: set[str] = set()
        with CountProgress(f"of {repeats:,} splits drawn") as progress:
            for seed in self.study.seeds:
                known.add(self.of(seed).facts["fingerprint"])
                progress.more(1)
                if len(known) < progress.count:
                    total = sum(map(len, self.first.splits.values()))
                    raise UserError(
                        f"repeats = {repeats}, but random splits of the {total} rows "
                        f"of {self.first.name} are only {len(known)} different ones "
                        f"before one comes again; accepted is at most {len(known)}, "
                        'or vary = "seed", which keeps one split.'
                    )

    def test_ratio(self) -> float:
        """Return test rows by the rows that train and choose; 0 for a fixed split."""
        if not self.study.varies_split:
            return 0.0
        rows = {name: len(split) for name, split in self.first.splits.items()}
        return rows.get("test", 0) / (rows["train"] + rows["validation"])


class _Hashed:
    """A study as the key of a cache."""

    def __init__(self, study: Study) -> None:
        self.study = study

    def __hash__(self) -> int:
        return hash(self.study.fingerprint)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self.study == other.study


@lru_cache(maxsize=1)
def _read_once(study: _Hashed) -> StudyData:
    """Return a study's data in a worker, which trains many groups of runs on them."""
    return StudyData(study.study)


def _names_test_rows(source: DataSource) -> bool:
    """Return whether it is said which rows are the test, so that it is not drawn."""
    rule = split_rule(source.split)
    return rule is not None and rule.how in ("time", "file")


def _bytes(dataset: Dataset) -> int:
    return sum(int(np.asarray(part.x).nbytes) for part in dataset.splits.values())


def own_data(
    source: DataSource, table: pd.DataFrame, name: str
) -> tuple[Dataset, Preprocessor]:
    """Return the data set of a table that is read.

    Args:
        source: How its columns are used.
        table: The table.
        name: What reports call it.

    Raises:
        UserError: If the table does not fit.
    """
    return from_table(
        table,
        dict(source.tasks),
        inputs=source.inputs,
        split=source.split,
        seed=source.seed,
        name=name,
        exclude=source.exclude,
        weight=source.weight,
        columns=dict(source.columns),
        min_frequency=source.min_frequency,
        max_categories=source.max_categories,
        fixed_columns=bool(source.fixed_columns),
    )


def same_data(source: DataSource, known: str) -> Dataset:
    """Return the data set that another process has read, and shown the warnings of.

    Args:
        source: A bundled data set or a table.
        known: The fingerprint that the other process found.

    Raises:
        UserError: If the data are not the same.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        dataset, _ = load_data(source)
    if dataset.facts["fingerprint"] != known:
        name = source.name or source.file
        raise UserError(f"The data of {name} changed during the study.")
    return dataset


def write_data_files(
    folder: Path, dataset: Dataset, preprocessor: Preprocessor
) -> None:
    """Write what belongs to a run on an own table: preprocessing and split.

    Args:
        folder: Of the run.
        dataset: Its data.
        preprocessor: Their preprocessing.
    """
    write_atomically(folder / PREPROCESSING, preprocessor.to_json())
    write_atomically(folder / SPLIT_FILE, split_text(dataset.rows))
