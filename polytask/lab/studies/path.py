"""The regularization path: one network at many strengths, over a few repeats."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from msgspec.structs import replace as with_fields

from polytask.errors import UserError, nearest
from polytask.lab.studies.folder import locked
from polytask.lab.studies.lanes import OnDone, OnEpoch, groups, how_trained, shared_out
from polytask.lab.studies.load_data import StudyData, write_data_files
from polytask.lab.studies.processes import engine_for
from polytask.lab.studies.progress import StudyProgress, lines
from polytask.lab.studies.ray_engine import Cluster
from polytask.lab.studies.reading import CommandLine
from polytask.lab.studies.record import trained_run
from polytask.lab.studies.schema import MULTI_TASK, Record, Run
from polytask.lab.studies.side_by_side import ActiveLane, SideBySide, Training
from polytask.lab.studies.store import Store, describe
from polytask.lab.studies.study import Study, Variant
from polytask.lab.studies.tables import write_tables
from polytask.lab.studies.train import check_variants, judged
from polytask.lab.tables import Dataset
from polytask_options import Network, Range, Settings, options
from polytask_options.table_values import Each
from polytask_options.values import Number

KIND = "path"


@dataclass(frozen=True)
class Span:
    """The strengths of a path.

    Args:
        knob: The option that varies.
        low: The smallest value.
        high: The largest.
        number: How many, both ends included.
        log: Whether their logarithms are evenly spaced.
    """

    knob: str
    low: float
    high: float
    number: int
    log: bool

    @property
    def values(self) -> list[float]:
        """The strengths, rising."""
        domain = Range(self.low, self.high, self.log)
        return [domain.at(i / (self.number - 1)) for i in range(self.number)]


def span(
    knob: str, low: float | None, high: float | None, number: int, network: Network
) -> Span:
    """Return the strengths that were asked for.

    Args:
        knob: An option of a variant that is a strength or a rate.
        low: The smallest; None for that of the option's usual range.
        high: The largest; None likewise.
        number: How many.
        network: Whose knob it is.

    Raises:
        UserError: If there is no such knob, or the range is empty or not accepted.

    Example:
        >>> [f"{v:.0e}" for v in span("l1", 1e-6, 1e-2, 3, Network()).values]
        ['1e-06', '1e-04', '1e-02']
    """
    declared = options(Settings)
    knobs = [n for n, o in declared.items() if isinstance(o.search, Range)]
    if knob not in knobs:
        raise UserError(
            f"--knob {knob!r}; accepted is a strength or a rate."
            f"{nearest(knob, knobs)} Known: {', '.join(knobs)}."
        )
    if knob == "dropout_tower" and not network.towers:
        raise UserError(
            "--knob dropout_tower: the network has no towers; give it some ([network] "
            "towers), or take dropout_trunk."
        )
    option = declared[knob]
    usual = option.search
    assert isinstance(usual, Range)
    kind = option.kind.kind if isinstance(option.kind, Each) else option.kind
    assert isinstance(kind, Number)
    ends = {"from": usual.low if low is None else low}
    ends["to"] = usual.high if high is None else high
    place = CommandLine({name: (f"--{name}", f"{v:g}") for name, v in ends.items()})
    first, last = (kind.read(value, name, place) for name, value in ends.items())
    if first >= last:
        raise UserError(
            f"The range --from {first:g} --to {last:g} is empty; --from has to be "
            "below --to."
        )
    if usual.log and first <= 0:
        raise UserError(
            f"--from {first:g}; accepted for {knob} is a number above 0: its strengths "
            "are evenly spaced by their logarithm."
        )
    if number < 2:
        raise UserError(f"--strengths {number}; accepted is an integer from 2.")
    return Span(knob, first, last, number, usual.log)


def path_study(study: Study, strengths: Span, repeats: int, variant: str = "") -> Study:
    """Return the study whose variants are the strengths.

    Args:
        study: Gives data, network and budget.
        strengths: What varies.
        repeats: How often each is trained.
        variant: Name of the study's variant whose knob it is; the network without
            regularization if empty.

    Raises:
        UserError: If there is no such variant, or its settings exclude the knob.
    """
    base = Settings()
    if variant:
        base = study.narrowed([variant]).variant(variant).settings
    declared, knob = options(base), strengths.knob
    sole = declared[knob].sole
    others = [
        name
        for name, one in declared.items()
        if sole and one.sole == sole and name != knob and getattr(base, name)
    ]
    if others:
        raise UserError(
            f"--knob {knob}: the variant {variant} has {others[0]}, and both "
            f"{sole.what if sole else ''}; give another --variant."
        )
    variants = tuple(
        Variant(f"{knob}_{i:03d}", f"{value:.3g}", _with(base, knob, value))
        for i, value in enumerate(strengths.values)
    )
    return replace(study.narrowed(repeats=repeats), variants=variants, plain=None)


def _with(settings: Settings, knob: str, value: float) -> Settings:
    changed: dict[str, Any] = {knob: value}
    return replace(settings, **changed)


def run_path(
    study: Study,
    strengths: Span,
    folder: str | Path,
    jobs: int = 0,
    command: str = "",
    lanes: bool = True,
    cluster: Cluster | None = None,
) -> None:
    """Train what is missing of a path, and write its tables.

    Killed at any time, the same call continues.

    Args:
        study: As of `path_study`.
        strengths: What varies.
        folder: Where the results go.
        jobs: Processes that train; 0 trains in this one.
        command: The command line that repeats it.
        lanes: Whether the networks are lanes, where the backend is JAX.
        cluster: Trains on the machines of a Ray cluster, in place of `jobs`.

    Raises:
        UserError: If the data do not fit, or the folder holds something else.
    """
    store = Store(folder, KIND)
    data = StudyData(store.continued(study))
    study, dataset = data.study, data.first
    description = describe(study, dataset, command, KIND, data.test_ratio())
    described = {"knob": strengths.knob, "log": strengths.log}
    description = with_fields(description, settings=described)
    store.check(description)
    data.check()
    runs = [
        Run(MULTI_TASK, v.name, seed) for seed in study.seeds for v in study.variants
    ]
    store.folder.mkdir(parents=True, exist_ok=True)
    with locked(store.folder):
        store.open(description)
        if data.preprocessor is not None:
            write_data_files(store.folder, dataset, data.preprocessor)
        finished = store.records(runs)
        missing = [run for run in runs if run not in finished]
        progress = StudyProgress(
            len(runs), len(finished), lines(jobs, cluster), study.budget.epochs
        )

        def done(run: Run, record: Record) -> None:
            store.save(run, record)
            finished[run] = record
            progress.done(run, record)

        to_train = groups(study, data, missing, lanes)
        if cluster is not None:
            to_train = shared_out(to_train, cluster.gpus)
        works = [_Strengths(study, data, group) for group in to_train]
        if works:
            most = jobs if len(works) > 1 else 0
            ends = _Ends((study.variants[0], study.variants[-1]), study)
            with progress, engine_for(data, most, ends, cluster) as engine:
                engine.run(works, progress.epoch, done)
        description.created_by["training"] = how_trained(finished.values())
        store.open(description)
        write_tables(store)


@dataclass(frozen=True)
class _Ends:
    """Checks that the networks at both ends can be built; the others differ little."""

    variants: tuple[Variant, ...]
    study: Study

    def __call__(self, dataset: Dataset) -> None:
        check_variants(self.variants, dataset, self.study.network, self.study.budget)


@dataclass(frozen=True)
class _Strengths:
    """Trainings of a path, as work for an engine; no model is kept of them."""

    study: Study
    data: StudyData
    runs: list[Run]

    @property
    def folder(self) -> None:
        """It writes no files."""

    def elsewhere(self, folder: Path, parts: Mapping[int, Dataset]) -> "_Strengths":
        """Return the same work for another machine, see `Work`."""
        self.data.keep(parts)
        return self

    def train(self, dataset: Dataset, on_epoch: OnEpoch, on_done: OnDone) -> None:
        self.data.take(dataset)
        if len(self.runs) > 1:
            self._lanes(on_epoch, on_done)
        else:
            self._alone(self.runs[0], on_epoch, on_done)

    def _alone(self, run: Run, on_epoch: OnEpoch, on_done: OnDone) -> None:
        study, dataset = self.study, self.data.of(run.seed)
        trained, record = trained_run(
            study, dataset, run, lambda epoch: on_epoch(run, epoch)
        )
        weights = [
            keras.ops.convert_to_numpy(variable)
            for variable in trained.model.trainable_variables
        ]
        on_done(run, _record(record, weights, dataset))

    def _lanes(self, on_epoch: OnEpoch, on_done: OnDone) -> None:
        study, data = self.study, self.data
        trainings = [
            Training.of(run, study.variant(run.variant).settings, study.budget)
            for run in self.runs
        ]
        together = SideBySide(
            data.of(self.runs[0].seed),
            study.network,
            study.budget,
            trainings[0].settings,
            [training.values for training in trainings],
            len(trainings),
            curves=False,
            measures=True,
            splits=data.splits(run.seed for run in self.runs),
        )
        for lane in together.train(trainings, on_epoch):
            run = lane.training.run
            dataset = data.of(run.seed)
            record = _measured(together.model, lane, dataset)
            on_done(run, with_fields(record, lanes=together.program.width))


def _measured(model: Any, lane: ActiveLane, dataset: Dataset) -> Record:
    """Return the record of a lane; no model is filled with its weights."""
    selection = lane.selection
    reached = judged(lane.predicted, dataset.splits, lane.tasks)
    weights = [lane.best[id(variable)] for variable in model.trainable_variables]
    run = lane.training.run
    return _record(
        Record.of(
            run,
            criterion=selection.best,
            best_epoch=selection.best_epoch,
            epochs=selection.epochs,
            seconds=round(lane.seconds, 3),
            parameters=sum(int(value.size) for value in weights),
            scores=reached.scores,
            missing=reached.missing,
        ),
        weights,
        dataset,
    )


def _record(record: Record, weights: list[np.ndarray], dataset: Dataset) -> Record:
    """Return the record with the zeros of the kernels and the columns that are read."""
    kernels = [value for value in weights if value.ndim > 1]
    norms = column_norms(kernels, dataset)
    return with_fields(
        record,
        reliability=[],
        history=[],
        warnings=[],
        weights=sum(int(kernel.size) for kernel in kernels),
        zeros=sum(int((kernel == 0).sum()) for kernel in kernels),
        extra={"columns": norms},
    )


def column_norms(kernels: list[np.ndarray], dataset: Dataset) -> dict[str, float]:
    """Return the norm of each source column's weights in the first shared kernel.

    Args:
        kernels: Of a network, the first layer's first.
        dataset: Says which features come from which column.

    Returns:
        Column → norm, or nothing where the first kernel does not read the features.
    """
    sources = np.array(dataset.feature_sources)
    kernel = kernels[0]
    if kernel.ndim != 2 or len(kernel) != len(sources):
        return {}
    squares = np.square(kernel, dtype=np.float64).sum(axis=1)
    return {
        name: float(np.sqrt(squares[sources == name].sum()))
        for name in dict.fromkeys(dataset.feature_sources)
    }
