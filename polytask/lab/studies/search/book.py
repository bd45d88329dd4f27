"""The trials of a search in an Optuna storage: asked for, and told what they gave."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from polytask.errors import UserError
from polytask.lab.studies.search.space import Parameters, label, meant
from polytask.lab.studies.search.trials import Tried
from polytask.models.initial_values import derived_seed
from polytask_options import OneOf, Range

JOURNAL = "journal.log"
#: Batches in a generation of NSGA-II.
GENERATION = 2

_SEARCH, _TRIED = "polytask_search", "polytask_tried"


def optuna() -> Any:
    """Return Optuna, imported when a search uses it.

    Raises:
        UserError: If it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise UserError(
            'A search needs Optuna: pip install "polytask[search]".'
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def open_storage(url: str, folder: Path) -> Any:
    """Return the storage of a search.

    Args:
        url: Of any storage of Optuna; "" for a journal in the folder.
        folder: The search's; locked by this process.

    Raises:
        UserError: If it cannot be opened.
    """
    storages = optuna().storages
    if not url:
        return _journal(storages, folder / JOURNAL)
    try:
        return storages.get_storage(url)
    except Exception as error:
        # Whatever the database's driver raises.
        reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
        raise UserError(f"The storage {url} cannot be opened: {reason}") from error


def _journal(storages: Any, path: Path) -> Any:
    # This process has locked the folder: what else claims the journal was killed.
    for lock in path.parent.glob(f"{path.name}.lock*"):
        lock.unlink(missing_ok=True)
    if path.exists():
        # A machine that went down may leave half a line.
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(path, len(whole))
    backend = storages.journal.JournalFileBackend(str(path))
    return storages.JournalStorage(backend)


@dataclass(frozen=True)
class Entry:
    """A trial that is finished.

    Attributes:
        number: From 0.
        drawn: Parameter → value.
        tried: What it came to.
    """

    number: int
    drawn: dict[str, Any]
    tried: Tried


class Book:
    """The trials of one task alone, or of all tasks together.

    A trial's draw depends on the seed, on its number and on the trials that were
    finished before its batch: asked for again after a kill, it is the same.

    Args:
        storage: Of `open_storage`.
        name: Of the Optuna study.
        identity: What the trials depend on.
        parameters: What is drawn.
        sampler: `"tpe"`, `"random"` or `"nsga2"`.
        seed: Of the sampler.
        batch: Trials that are asked for at a time.
        objectives: Number of losses to be made small; 1 for their mean.

    Raises:
        UserError: If the storage holds another search under the name.
    """

    def __init__(
        self,
        storage: Any,
        name: str,
        identity: str,
        parameters: Parameters,
        sampler: str,
        seed: int,
        batch: int,
        objectives: int,
    ) -> None:
        self.optuna = optuna()
        self.parameters = parameters
        self.sampler, self.seed, self.batch = sampler, seed, batch
        self.objectives = objectives
        self.distributions = {
            name: self._distribution(one) for name, one in parameters.items()
        }
        self.study = self._opened(storage, name, identity)

    def _opened(self, storage: Any, name: str, identity: str) -> Any:
        study = self.optuna.create_study(
            storage=storage,
            study_name=name,
            directions=["minimize"] * self.objectives,
            load_if_exists=True,
        )
        stored = study.user_attrs.get(_SEARCH)
        if stored is None and not study.get_trials(deepcopy=False):
            study.set_user_attr(_SEARCH, identity)
        elif stored != identity:
            raise UserError(
                f"The storage holds another search under the name {name}; give another "
                "--storage, or the study another name."
            )
        return study

    def asked(self, start: int, count: int) -> dict[int, dict[str, Any]]:
        """Return the draws of a batch, asked for where they are not stored yet.

        Args:
            start: Number of its first trial; all before are finished.
            count: How many trials it has.
        """
        there = len(self.study.get_trials(deepcopy=False))
        for number in range(there, start + count):
            self.study.sampler = self._sampler(number)
            self.study.ask(fixed_distributions=self.distributions)
        trials = self.study.get_trials(deepcopy=False)[start : start + count]
        return {trial.number: meant(self.parameters, trial.params) for trial in trials}

    def tell(self, number: int, tried: Tried) -> None:
        """Store what a trial came to, unless it is stored.

        Args:
            number: Of the trial.
            tried: What it came to.
        """
        frozen = self.study.get_trials(deepcopy=False)[number]
        if frozen.state.is_finished():
            return
        states = self.optuna.trial.TrialState
        trial = self.optuna.trial.Trial(self.study, frozen._trial_id)
        trial.set_user_attr(_TRIED, msgspec.to_builtins(tried))
        values = tried.losses if self.objectives > 1 else [np.mean(tried.losses)]
        # `after_trial` of the sampler sees the same, whoever tells.
        self.study.sampler = self._sampler(number)
        if tried.failure or not tried.curve or not np.isfinite(values).all():
            self.study.tell(number, state=states.FAIL)
        elif tried.left and self.objectives == 1:
            trial.report(float(values[0]), len(tried.curve))
            self.study.tell(number, state=states.PRUNED)
        else:
            # Optuna prunes no trial of several objectives: one that was dominated has
            # the losses that it had by then.
            self.study.tell(number, [float(value) for value in values])

    def finished(self, before: int | None = None) -> list[Entry]:
        """Return the finished trials by number.

        Args:
            before: Only those with a smaller number.
        """
        return [
            Entry(
                trial.number,
                meant(self.parameters, trial.params),
                msgspec.convert(trial.user_attrs[_TRIED], Tried),
            )
            for trial in self.study.get_trials(deepcopy=False)[:before]
            if trial.state.is_finished()
        ]

    def importances(self) -> dict[str, float]:
        """Return which share of the criterion's variance each parameter explains.

        Trials that were ended early count with what they had reached.

        Returns:
            Parameter → share, the largest first; empty where trials are too few or too
            alike to tell.

        Source:
            Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing
            Hyperparameter Importance", ICML 2014.
        """
        measured = self.optuna.create_study()
        for trial in self.study.get_trials(deepcopy=False):
            if trial.values:
                mean = float(np.mean(trial.values))
                measured.add_trial(
                    self.optuna.trial.create_trial(
                        params=trial.params,
                        distributions=trial.distributions,
                        value=mean,
                    )
                )
        importance = self.optuna.importance
        evaluator = importance.FanovaImportanceEvaluator(seed=self.seed)
        try:
            shares: dict[str, float] = importance.get_param_importances(
                measured, evaluator=evaluator
            )
        except (RuntimeError, ValueError):
            # Fewer than two trials, or all with one value.
            return {}
        return shares

    def _distribution(self, one: Range | OneOf) -> Any:
        distributions = self.optuna.distributions
        if isinstance(one, OneOf):
            return distributions.CategoricalDistribution([*map(label, one.values)])
        if one.whole:
            low, high = int(one.low), int(one.high)
            return distributions.IntDistribution(low, high, log=one.log)
        return distributions.FloatDistribution(one.low, one.high, log=one.log)

    def _sampler(self, number: int) -> Any:
        """Return the sampler of one trial, with a seed of the trial's own."""
        samplers = self.optuna.samplers
        seed = derived_seed(self.seed, f"trial/{number}")
        if self.sampler == "random":
            return samplers.RandomSampler(seed=seed)
        if self.sampler == "nsga2":
            population = GENERATION * self.batch
            return samplers.NSGAIISampler(population_size=population, seed=seed)
        # A density for each parameter: of so few trials a joint one says little.
        return samplers.TPESampler(seed=seed, constant_liar=True, multivariate=False)
