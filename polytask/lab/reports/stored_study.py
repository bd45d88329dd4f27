"""A study folder, read once and never changed."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.reports.metric import Metric
from polytask.lab.reports.seed_statistic import SeedStatistic
from polytask.lab.studies.schema import (
    BASELINES_FILE,
    FEATURES_FILE,
    GRADIENTS,
    GRADIENTS_FILE,
    HISTORY,
    HISTORY_FILE,
    MULTI_TASK,
    RELIABILITY,
    RELIABILITY_FILE,
    RESULTS,
    RESULTS_FILE,
    RUNS,
    RUNS_FILE,
    STUDY_FILE,
    SUMMARY_FILE,
    Description,
    Features,
    StoredVariant,
    read_stored,
)
from polytask.lab.studies.summary_schema import (
    BaselineModel,
    BaselineModels,
    Delta,
    Summary,
)

_TEXTS = {"run_id", "variant", "model", "task", "split", "metric", "other", "quantity"}


@dataclass(frozen=True)
class ReportedTask:
    """One task as the page shows it."""

    name: str
    kind: str
    classes: tuple[str, ...]
    primary: Metric


@dataclass(frozen=True)
class StoredStudy:
    """The contents of a study folder (or of the folder of one fitted model).

    Args:
        folder: Where it was read from.
        study: `study.json`.
        results: `results.parquet`, a row per variant, seed, task, split, metric.
        history: `history.parquet`, the same by epoch.
        runs: `runs.parquet`, a row per finished run.
        gradients: `gradients.parquet`, how the tasks' gradients were balanced by
            epoch; empty where it is absent or nothing was watched.
        features: `features.json`, empty where it is absent.
        reliability: `reliability.parquet`, predicted and observed probabilities of test
            rows; empty where it is absent.
        summary: `summary.json`, empty where it is absent.
        baselines: The models of `baselines.json`, empty where it is absent.
    """

    folder: Path
    study: Description
    results: pd.DataFrame
    history: pd.DataFrame
    runs: pd.DataFrame
    gradients: pd.DataFrame
    reliability: pd.DataFrame
    features: dict[str, Features]
    summary: Summary
    baselines: tuple[BaselineModel, ...] = ()

    @classmethod
    def read(cls, folder: str | Path) -> "StoredStudy":
        """Read `folder`.

        Raises:
            UserError: If the folder or one of its files is missing or damaged; the
                message names the file.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise UserError(f"There is no study folder {folder}.")
        study = read_stored(folder / STUDY_FILE, Description)
        features = folder / FEATURES_FILE
        summary = folder / SUMMARY_FILE
        gradients = folder / GRADIENTS_FILE
        baselines = folder / BASELINES_FILE
        reliability = folder / RELIABILITY_FILE
        return cls(
            folder=folder,
            study=study,
            results=_read_table(folder / RESULTS_FILE, RESULTS),
            history=_read_table(folder / HISTORY_FILE, HISTORY),
            runs=_read_table(folder / RUNS_FILE, RUNS),
            gradients=_read_table(gradients, GRADIENTS)
            if gradients.exists()
            else pd.DataFrame(columns=list(GRADIENTS)),
            reliability=_read_table(reliability, RELIABILITY)
            if reliability.exists()
            else pd.DataFrame(columns=list(RELIABILITY)),
            features=read_stored(features, dict[str, Features])
            if features.exists()
            else {},
            summary=read_stored(summary, Summary) if summary.exists() else Summary(),
            baselines=tuple(read_stored(baselines, BaselineModels).models)
            if baselines.exists()
            else (),
        )

    @cached_property
    def _curves(self) -> pd.DataFrame:
        """The history of multi-task networks: a row an epoch, a column for the rest."""
        history = self.history[self.history["model"] == MULTI_TASK]
        return history.pivot_table(
            index="epoch",
            columns=["variant", "task", "metric", "split", "seed"],
            values="value",
        )

    def curve(self, variant: str, task: str, metric: str, split: str) -> pd.DataFrame:
        """Return one figure of a variant's multi-task networks by epoch.

        Args:
            variant: Name of the variant.
            task: Name of the task.
            metric: Name of the metric.
            split: Name of the split.

        Returns:
            A row for each epoch and a column for each seed; empty where nothing is
            known.
        """
        key = (variant, task, metric, split)
        if self._curves.empty or key not in self._curves:
            return pd.DataFrame()
        return self._curves[key].dropna(how="all")

    @property
    def title(self) -> str:
        """The title, or the name where there is none."""
        return self.study.title or self.study.name or "Study"

    @cached_property
    def tasks(self) -> tuple[ReportedTask, ...]:
        """The tasks in stored order."""
        return tuple(
            ReportedTask(
                task.name,
                task.kind,
                tuple(task.classes),
                Metric.named(task.primary, task.higher_is_better),
            )
            for task in self.study.tasks
        )

    @cached_property
    def variants(self) -> dict[str, StoredVariant]:
        """The variants by name, in stored order."""
        return {variant.name: variant for variant in self.study.variants}

    @property
    def seeds(self) -> list[int]:
        """The seeds that were asked for."""
        return self.study.seeds

    @property
    def unit(self) -> str:
        """What is repeated: a seed, or a repeat with a split and a seed."""
        return "repeat" if self.study.vary else "seed"

    @property
    def plain(self) -> str | None:
        """The name of the variant without regularization, where there is one."""
        return self.study.plain if self.study.plain in self.variants else None

    @property
    def best(self) -> str | None:
        """The name of the best variant, where the summary has one."""
        return self.summary.best if self.summary.best in self.variants else None

    @property
    def against(self) -> str:
        """The title of the variant that an experiment compares with, or empty."""
        return self.title_of(self.study.baseline) if self.study.baseline else ""

    def title_of(self, variant: str) -> str:
        """Return what a variant is called for readers."""
        known = self.variants.get(variant)
        return (known.title if known else "") or variant

    def delta_m(self, variant: str) -> Delta:
        """Return Δm of a variant, in percent, as the summary has it."""
        return self.summary.delta_m.get(variant, Delta())

    @cached_property
    def ranking(self) -> list[str]:
        """Variant names by falling Δm; those without one last, in stored order."""

        def key(name: str) -> float:
            mean = self.delta_m(name).mean
            return math.inf if mean is None or math.isnan(mean) else -mean

        return sorted(self.variants, key=key)

    def statistic(
        self, model: str, variant: str, task: str, split: str, metric: str
    ) -> SeedStatistic:
        """Return mean and spread over seeds of one metric."""
        values = self._values.get((model, variant, task, split, metric), np.empty(0))
        return SeedStatistic.of(values, len(self.seeds), self.unit)

    def run_statistic(
        self, column: str, model: str, variant: str, task: str | None = None
    ) -> SeedStatistic:
        """Return mean and spread over seeds of a column of `runs.parquet`."""
        runs = self.runs_of(model, variant, task)
        values = runs[column].to_numpy(float)
        return SeedStatistic.of(values, len(self.seeds), self.unit)

    def runs_of(
        self, model: str, variant: str, task: str | None = None
    ) -> pd.DataFrame:
        """Return the finished runs of one variant, of one task where it is named."""
        runs = self.runs
        chosen = (runs["model"] == model) & (runs["variant"] == variant)
        if task is not None:
            chosen &= runs["task"] == task
        return runs[chosen]

    def metrics_of(self, task: ReportedTask) -> list[Metric]:
        """Return the metrics stored for a task, the primary one first, loss last."""
        stored = set(self.results.loc[self.results["task"] == task.name, "metric"])
        rank = {task.primary.name: 0, "loss": 2}
        names = sorted(stored, key=lambda metric: (rank.get(metric, 1), metric))
        primary = {task.primary.name: task.primary}
        return [primary.get(name) or Metric.named(name) for name in names]

    def baseline_levels(self, task: ReportedTask) -> dict[str, float]:
        """Return the mean primary test metric of a task's baselines, where defined."""
        values: dict[str, list[float]] = {}
        for model in self.baselines:
            for name, split, metric, value in model.scores:
                wanted = (task.name, "test", task.primary.name)
                if (name, split, metric) == wanted and value is not None:
                    values.setdefault(model.name, []).append(value)
        return {name: sum(each) / len(each) for name, each in values.items()}

    @cached_property
    def _values(self) -> dict[tuple[str, ...], np.ndarray]:
        keys = ["model", "variant", "task", "split", "metric"]
        ordered = self.results.sort_values("seed", kind="stable")
        return {
            cast(tuple[str, ...], key): group.to_numpy(float)
            for key, group in ordered.groupby(keys, observed=True)["value"]
        }


def _read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.exists():
        raise UserError(f"{path} is missing; a study folder has one.")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged, it is not Parquet: {error}.") from error
    for name in columns:
        if name not in table.columns:
            raise UserError(
                f"{path} lacks the column {name!r}; it has {list(table.columns)}."
            )
        if name not in _TEXTS:
            try:
                table[name] = pd.to_numeric(table[name])
            except (TypeError, ValueError) as error:
                raise UserError(
                    f"{path} is damaged: its column {name!r} holds something else than "
                    "numbers."
                ) from error
    return table
