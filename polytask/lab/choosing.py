"""What `fit` trains on a table: a recipe, and what validation rows choose of it."""

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from polytask.errors import TableWarning
from polytask.lab.studies.better import ShortTrainings, Trial, better
from polytask.lab.studies.recommended import (
    Recipe,
    blurred,
    estimated_seconds,
    recommended,
    shortened,
)
from polytask.lab.studies.study import Study
from polytask.lab.studies.train import check_variants
from polytask.lab.tables import Dataset, Preprocessor
from polytask.lab.tables.encoders import CategoricalEncoder
from polytask_options import DataSource

#: Takes default options and returns them with what the user asked for.
Change = Callable[[Any], Any]
#: Reads a table's rows, as the source says how its columns are used.
Read = Callable[[DataSource], tuple[Dataset, Preprocessor]]

# Where more of the rows hold categories that count as one, more categories are tried.
_MOST_JOINED = 0.5
_MANY_CATEGORIES = 1_000
# Those in one training row alone then teach what a new category is like.
_FEWEST_ROWS = 2
# Smaller differences between short trainings may be chance, and few columns are
# cheaper.
_CLEARLY = 0.98
# Rows times categories that a column may take for that, in 0/1 columns.
_MOST_CELLS = 30_000_000


def recommended_rows(
    study: Study, read: Read, effort: str, change: Change, verbose: bool = False
) -> tuple[Study, Dataset, Preprocessor]:
    """Return a study with what suits a table, and the table's rows as it takes them.

    Where a column has so many categories that most rows hold one of those which count
    as one, and with up to 1,000 most rows would not, validation rows choose how many
    are kept and whether the trunk reads them, if the user did not.

    Args:
        study: As `with_recommended` takes it.
        read: Reads the rows of the study's data.
        effort: As `recommended` takes it.
        change: Sets the options that the user gave.
        verbose: Whether it is said on stderr that something is tried.

    Returns:
        The study, its rows, and what made them of the table.

    Raises:
        UserError: If an option does not fit the data.
    """
    dataset, preprocessor = read(study.data)
    trainings = ShortTrainings(study.seeds[0])
    study = with_recommended(study, dataset, effort, change, verbose, trainings)
    rows = len(dataset.train)
    joined = joining(preprocessor, rows)
    plain = DataSource()
    few = plain.max_categories
    if (
        not joined
        or study.data.max_categories != few
        or rows * _MANY_CATEGORIES > _MOST_CELLS
    ):
        return study, dataset, preprocessor
    wider = replace(study.data, max_categories=_MANY_CATEGORIES)
    if wider.min_frequency == plain.min_frequency:
        wider = replace(wider, min_frequency=_FEWEST_ROWS)
    with warnings.catch_warnings():
        # The first reading has shown them.
        warnings.simplefilter("ignore", TableWarning)
        more, other = read(wider)
    if len(joining(other, rows)) == len(joined):
        return study, dataset, preprocessor
    recipe = Recipe(study.network, study.budget, study.variants[0].settings)
    trials = [(dataset, recipe), (more, recipe)]
    names = tuple(encoder.name for encoder in joined)
    past = replace(recipe, network=change(replace(recipe.network, additive=names)))
    if past != recipe and set(more.feature_sources) != set(names):
        # A category in few rows tells what it does to a target, but hardly what it
        # does together with others, and the trunk would learn those rows by heart.
        trials.append((more, past))
    if verbose:
        what = f"with up to {few} and up to {_MANY_CATEGORIES:,} categories a column"
        _announce_trials(what, trainings.ahead(trials))
    usual, *others = trials
    most = _CLEARLY * trainings.criterion(usual)
    found = min(others, key=trainings.criterion)
    if trainings.criterion(found) > most:
        return study, dataset, preprocessor
    _, recipe = found
    return replace(study, data=wider, network=recipe.network), more, other


def joining(preprocessor: Preprocessor, rows: int) -> list[CategoricalEncoder]:
    """Return the columns of which most training rows hold categories that count as one.

    Args:
        preprocessor: What was learned of the columns.
        rows: Number of training rows.
    """
    categorical = [
        encoder
        for encoder in preprocessor.encoders
        if isinstance(encoder, CategoricalEncoder)
    ]
    return [one for one in categorical if one.rare_rows > _MOST_JOINED * rows]


def with_recommended(
    study: Study,
    dataset: Dataset,
    effort: str,
    change: Change,
    verbose: bool = False,
    trainings: ShortTrainings | None = None,
) -> Study:
    """Return a study of one variant with what suits a table.

    Where every target has classes and there are many numbers, validation rows choose
    how these enter, if the user did not.

    Args:
        study: Its network, budget and settings are replaced.
        dataset: Its rows.
        effort: As `recommended` takes it.
        change: Sets the options that the user gave.
        verbose: Whether it is said on stderr that something is tried.
        trainings: Does the short trainings; new ones if None.

    Raises:
        UserError: If an option does not fit the data.
    """
    trainings = trainings or ShortTrainings(study.seeds[0])
    classes = any(task.rules.has_classes for task in dataset.tasks)
    recipe = recommended(len(dataset.train), effort, classes)
    usual = _changed(recipe, change)
    study = _with_recipe(study, usual)
    check_variants(study.variants, dataset, study.network, study.budget)
    other = _changed(blurred(recipe, dataset), change)
    if usual.network == other.network or usual.settings == other.settings:
        return study
    if verbose:
        what = "with numbers embedded and blurred"
        _announce_trials(what, [(dataset, usual), (dataset, other)])
    return _with_recipe(study, better(dataset, (usual, other), trainings))


_HOW_MANY = {
    1: "one short training",
    2: "two short trainings",
    3: "three short trainings",
}


def _announce_trials(what: str, trials: Sequence[Trial]) -> None:
    """Say on stderr what short trainings are for, and what they take."""
    seconds = sum(
        estimated_seconds(
            len(dataset.train),
            dataset.train.x.shape[1],
            recipe.network,
            shortened(recipe.budget),
        )
        for dataset, recipe in trials
    )
    print(
        f"polytask: {_HOW_MANY[len(trials)]} first, {what}: about "
        f"{in_words(seconds)} at most on one core.",
        file=sys.stderr,
    )


def _changed(recipe: Recipe, change: Change) -> Recipe:
    """Return a recipe with the options that the user gave."""
    settings, network = change(recipe.settings), recipe.network
    if settings.l1_inputs or settings.group_lasso:
        # They choose among the columns, so the columns must enter as they are.
        network = replace(network, embedding="none")
    return Recipe(change(network), change(recipe.budget), settings)


def _with_recipe(study: Study, recipe: Recipe) -> Study:
    return replace(
        study,
        network=recipe.network,
        budget=recipe.budget,
        variants=(replace(study.variants[0], settings=recipe.settings),),
    )


def in_words(seconds: float) -> str:
    """Return a time in seconds or minutes."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
