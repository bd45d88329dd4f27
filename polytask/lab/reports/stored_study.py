"""A study folder, read once and never changed."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.kinds import KINDS
from polytask.lab.reports.metric import Metric
from polytask.lab.reports.seed_statistic import SeedStatistic

FORMAT = 1
MULTI_TASK = "multi-task"
SINGLE_TASK = "single-task"
SPLITS = ("train", "validation", "test")
_RESULTS = ("variant", "model", "task", "seed", "split", "metric", "value")
_HISTORY = (*_RESULTS[:4], "epoch", *_RESULTS[4:])
_GRADIENTS = ("variant", "seed", "epoch", "task", "other", "quantity", "value")
_RUNS = (
    *("run_id", "variant", "model", "task", "seed", "best_epoch", "epochs"),
    *("parameters", "weights", "zeros", "seconds"),
)


@dataclass(frozen=True)
class StoredTask:
    """One task as stored: its name, kind and class labels."""

    name: str
    kind: str
    classes: tuple[str, ...] = ()

    @property
    def primary(self) -> Metric:
        """The metric that decides for this task."""
        return Metric.named(KINDS[self.kind].primary.name)


@dataclass(frozen=True)
class StoredVariant:
    """One configuration as stored: its name, title and settings."""

    name: str
    title: str
    settings: dict[str, Any]


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
        summary: `summary.json`, None where it is absent.
    """

    folder: Path
    study: dict[str, Any]
    results: pd.DataFrame
    history: pd.DataFrame
    runs: pd.DataFrame
    gradients: pd.DataFrame
    features: dict[str, Any]
    summary: dict[str, Any] | None

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
        study = _read_json(folder / "study.json")
        _check_study(study, folder / "study.json")
        features = folder / "features.json"
        summary = folder / "summary.json"
        gradients = folder / "gradients.parquet"
        return cls(
            folder=folder,
            study=study,
            results=_read_table(folder / "results.parquet", _RESULTS),
            history=_read_table(folder / "history.parquet", _HISTORY),
            runs=_read_table(folder / "runs.parquet", _RUNS),
            gradients=_read_table(gradients, _GRADIENTS)
            if gradients.exists()
            else pd.DataFrame(columns=list(_GRADIENTS)),
            features=_read_json(features) if features.exists() else {},
            summary=_read_json(summary) if summary.exists() else None,
        )

    @property
    def title(self) -> str:
        """The title, or the name where there is none."""
        return str(self.study.get("title") or self.study.get("name") or "Study")

    @cached_property
    def tasks(self) -> tuple[StoredTask, ...]:
        """The tasks in stored order."""
        return tuple(
            StoredTask(t["name"], t["kind"], tuple(t.get("classes") or ()))
            for t in self.study["tasks"]
        )

    @cached_property
    def variants(self) -> dict[str, StoredVariant]:
        """The variants by name, in stored order."""
        return {
            v["name"]: StoredVariant(
                v["name"], v.get("title") or v["name"], v.get("settings") or {}
            )
            for v in self.study["variants"]
        }

    @property
    def seeds(self) -> list[int]:
        """The seeds that were asked for."""
        return list(self.study["seeds"])

    @property
    def plain(self) -> str | None:
        """The name of the variant without regularization, where there is one."""
        plain = self.study.get("plain")
        return plain if plain in self.variants else None

    @property
    def best(self) -> str | None:
        """The name of the best variant, where the summary has one."""
        best = (self.summary or {}).get("best")
        return best if best in self.variants else None

    @cached_property
    def delta_m(self) -> dict[str, dict[str, Any]]:
        """Δm by variant, in percent, as the summary has it."""
        return dict((self.summary or {}).get("delta_m") or {})

    @cached_property
    def ranking(self) -> list[str]:
        """Variant names by falling Δm; those without one last, in stored order."""

        def key(name: str) -> float:
            mean = self.delta_m.get(name, {}).get("mean")
            return math.inf if mean is None or math.isnan(mean) else -mean

        return sorted(self.variants, key=key)

    def statistic(
        self, model: str, variant: str, task: str, split: str, metric: str
    ) -> SeedStatistic:
        """Return mean and spread over seeds of one metric."""
        values = self._values.get((model, variant, task, split, metric), np.empty(0))
        return SeedStatistic.of(values, expected=len(self.seeds))

    def run_statistic(
        self, column: str, model: str, variant: str, task: str | None = None
    ) -> SeedStatistic:
        """Return mean and spread over seeds of a column of `runs.parquet`."""
        runs = self.runs_of(model, variant, task)
        return SeedStatistic.of(runs[column].to_numpy(float), len(self.seeds))

    def runs_of(
        self, model: str, variant: str, task: str | None = None
    ) -> pd.DataFrame:
        """Return the finished runs of one variant, of one task where it is named."""
        runs = self.runs
        chosen = (runs["model"] == model) & (runs["variant"] == variant)
        if task is not None:
            chosen &= runs["task"] == task
        return runs[chosen]

    def metrics_of(self, task: str) -> list[str]:
        """Return the metrics stored for a task, the primary one first, loss last."""
        stored = set(self.results.loc[self.results["task"] == task, "metric"])
        primary = next(t.primary.name for t in self.tasks if t.name == task)
        rank = {primary: 0, "loss": 2}
        return sorted(stored, key=lambda metric: (rank.get(metric, 1), metric))

    @cached_property
    def _values(self) -> dict[tuple[str, ...], np.ndarray]:
        keys = ["model", "variant", "task", "split", "metric"]
        ordered = self.results.sort_values("seed", kind="stable")
        return {
            cast(tuple[str, ...], key): group.to_numpy(float)
            for key, group in ordered.groupby(keys, observed=True)["value"]
        }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; a study folder has one.") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged, it is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged: it does not hold a JSON object.")
    return content


def _read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.exists():
        raise UserError(f"{path} is missing; a study folder has one.")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged, it is not Parquet: {error}.") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(
            f"{path} lacks the column {missing[0]!r}; it has {list(table.columns)}."
        )
    return table


def _check_study(study: dict[str, Any], path: Path) -> None:
    if study.get("format") != FORMAT:
        raise UserError(
            f"{path} has format {study.get('format')!r}; this version of polytask "
            f"reads format {FORMAT}."
        )
    for key in ("tasks", "variants", "seeds"):
        if not study.get(key):
            raise UserError(f"{path} has no {key!r}; it does not describe a study.")
    for task in study["tasks"]:
        if task["kind"] not in KINDS:
            raise UserError(
                f"{path}: task {task['name']!r} is of kind {task['kind']!r}; "
                f"known are {', '.join(sorted(KINDS))}."
            )
