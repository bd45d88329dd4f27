"""Variants × seeds with a training function of the user's own."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import keras

from polytask._atomic import sweep, write_atomically
from polytask.errors import UserError
from polytask.lab.studies.check_place import check_place
from polytask.lab.studies.experiment_summary import VariantSummary, summarize_variant
from polytask.lab.studies.outcome import Outcome
from polytask.metric_direction import HIGHER_IS_BETTER, higher_is_better

_SETTINGS = "experiment.json"
_RUNS = "runs"


class Experiment:
    """A comparison of networks that a study file cannot describe.

    A study (`polytask.lab.studies.Study`) trains the networks it builds itself from one
    table. An experiment takes any training function, stores what each run measured
    and compares the variants in the same way: Δm against a baseline, paired by seed,
    with its interval. A run that is stored is not trained again, so an interrupted
    experiment continues.

    Args:
        folder: Where the results are kept; made if absent.
        tasks: Task → its primary metric: a usual name such as `"auc"` or `"rmse"`,
            or a pair (name, whether higher is better).
        settings: Everything that the results depend on, as JSON can hold it.

    Raises:
        UserError: If the folder holds an experiment with other settings or cannot be
            made, a metric's direction is not known, or there is no task.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> experiment = Experiment(folder, {"click": "auc"}, {"rows": 100})
        >>> for seed in range(3):
        ...     for name, auc in (("single-task", 0.70), ("dropout", 0.77)):
        ...         scores = {"test": {"click": {"auc": auc + 0.01 * seed}}}
        ...         _ = experiment.run(name, seed, lambda: Outcome(scores))
        >>> rows = experiment.summary(baseline="single-task")
        >>> round(rows["dropout"].delta_m.mean, 2)
        9.86
    """

    def __init__(
        self,
        folder: str | Path,
        tasks: Mapping[str, str | tuple[str, bool]],
        settings: Mapping[str, Any],
    ) -> None:
        if not tasks:
            raise UserError("An experiment needs at least one task with its metric.")
        self.folder = Path(folder)
        self.metrics = {task: _direction(task, given) for task, given in tasks.items()}
        stored = {
            "tasks": {task: list(metric) for task, metric in self.metrics.items()},
            "settings": json.loads(json.dumps(dict(settings))),
            "backend": keras.backend.backend(),
        }
        check_place(self.folder)
        try:
            (self.folder / _RUNS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.folder} cannot be made: {error}.") from error
        sweep(self.folder / _RUNS)
        self._claim(stored)

    def _claim(self, stored: dict[str, Any]) -> None:
        file = self.folder / _SETTINGS
        if not file.exists():
            write_atomically(file, json.dumps(stored, indent=1))
            return
        found = json.loads(file.read_text("utf-8"))
        if found == stored:
            return
        before, now = _flat(found), _flat(stored)
        name = next(k for k in {**before, **now} if before.get(k) != now.get(k))
        raise UserError(
            f"{self.folder} holds an experiment with {name} = {before.get(name)!r}; "
            f"now it is {now.get(name)!r}. Give another folder, or remove this one."
        )

    def run(self, variant: str, seed: int, train: Callable[[], Outcome]) -> Outcome:
        """Return the outcome of a variant and seed; train only if it is not stored.

        Args:
            variant: Name of the variant.
            seed: The seed that `train` uses.
            train: Trains and evaluates.

        Returns:
            The outcome, with its seconds.

        Raises:
            UserError: If the outcome lacks a task's primary metric on some split, or
                the stored file is damaged.
        """
        file = self._file(variant, seed)
        if file.exists():
            return _read(file)
        start = time.perf_counter()
        outcome = replace(train(), seconds=time.perf_counter() - start)
        self._check(variant, outcome)
        write_atomically(file, outcome.to_json())
        return outcome

    def _check(self, variant: str, outcome: Outcome) -> None:
        for split, tasks in outcome.scores.items():
            for task, (metric, _) in self.metrics.items():
                if metric not in tasks.get(task, {}):
                    raise UserError(
                        f'The outcome of "{variant}" has no {metric} of task "{task}" '
                        f'on the split "{split}". Where it is undefined, give NaN.'
                    )

    def outcomes(self) -> dict[str, dict[int, Outcome]]:
        """Return variant → seed → outcome of all stored runs, in order of time."""
        found: dict[str, dict[int, Outcome]] = {}
        files = (self.folder / _RUNS).glob("[!.]*.json")
        for file in sorted(files, key=lambda f: (f.stat().st_mtime_ns, f.name)):
            variant, _, seed = file.stem.rpartition(".")
            found.setdefault(unquote(variant), {})[int(seed)] = _read(file)
        return found

    def summary(
        self, baseline: str, split: str = "test", train_split: str = "train"
    ) -> dict[str, VariantSummary]:
        """Return variant → what its runs come to, against a baseline.

        Args:
            baseline: Name of the variant that Δm is relative to.
            split: The split to compare on.
            train_split: The split whose distance from `split` is the gap.

        Returns:
            One summary for each variant with a stored run.

        Raises:
            UserError: If the baseline has no stored run.
        """
        found = self.outcomes()
        if baseline not in found:
            raise UserError(
                f'The baseline "{baseline}" has no stored run in {self.folder}. '
                f"Stored: {', '.join(found) or 'none'}."
            )
        return {
            variant: summarize_variant(
                outcomes, found[baseline], self.metrics, split, train_split
            )
            for variant, outcomes in found.items()
        }

    def _file(self, variant: str, seed: int) -> Path:
        return self.folder / _RUNS / f"{quote(variant, safe=' ')}.{seed}.json"


def _direction(task: str, given: str | tuple[str, bool]) -> tuple[str, bool]:
    if not isinstance(given, str):
        name, higher = given
        return name, bool(higher)
    known = higher_is_better(given)
    if known is None:
        raise UserError(
            f'Task "{task}": it is not known whether a higher "{given}" is better. '
            f'Give ("{given}", True) or ("{given}", False). Known: '
            f"{', '.join(HIGHER_IS_BETTER)}."
        )
    return given, known


def _read(file: Path) -> Outcome:
    try:
        return Outcome.from_json(file.read_text("utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} is damaged ({error}); remove it and run again."
        ) from error


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    parts: dict[str, Any] = {}
    for key, inner in value.items():
        parts.update(_flat(inner, f"{name}.{key}" if name else str(key)))
    return parts
