"""What `fit` trains on a table: a recipe, and what validation rows choose of it."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from polytask.lab.studies.better import better
from polytask.lab.studies.recommended import (
    Recipe,
    blurred,
    estimated_seconds,
    recommended,
    shortened,
)
from polytask.lab.studies.study import Study
from polytask.lab.studies.train import check_variants
from polytask.lab.tables import Dataset

#: Takes default options and returns them with what the user asked for.
Change = Callable[[Any], Any]


def with_recommended(
    study: Study, dataset: Dataset, effort: str, change: Change, verbose: bool = False
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

    Raises:
        UserError: If an option does not fit the data.
    """
    rows, features = dataset.train.x.shape
    classes = any(task.rules.has_classes for task in dataset.tasks)
    recipe = recommended(rows, effort, classes)
    usual = _changed(recipe, change)
    study = _with_recipe(study, usual)
    check_variants(study.variants, dataset, study.network, study.budget)
    other = _changed(blurred(recipe, dataset), change)
    if usual.network == other.network or usual.settings == other.settings:
        return study
    if verbose:
        seconds = sum(
            estimated_seconds(rows, features, each.network, shortened(each.budget))
            for each in (usual, other)
        )
        print(
            "polytask: two short trainings first, with numbers embedded and blurred: "
            f"about {in_words(seconds)} at most on one core.",
            file=sys.stderr,
        )
    return _with_recipe(study, better(dataset, (usual, other), study.seeds[0]))


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
