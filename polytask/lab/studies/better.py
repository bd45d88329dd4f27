"""Which of several recipes suits a table, told by its validation rows."""

from collections.abc import Sequence

from polytask.lab.studies.recommended import Recipe, shortened
from polytask.lab.studies.train import train
from polytask.lab.tables import Dataset


def better(dataset: Dataset, recipes: Sequence[Recipe], seed: int) -> Recipe:
    """Return the recipe that reaches the best validation criterion in a short training.

    Args:
        dataset: The rows.
        recipes: If all are the same, none is trained.
        seed: Of each training.
    """
    if all(recipe == recipes[0] for recipe in recipes):
        return recipes[0]
    return min(recipes, key=lambda recipe: short_criterion(dataset, recipe, seed))


def short_criterion(dataset: Dataset, recipe: Recipe, seed: int) -> float:
    """Return the validation criterion of a short training: smaller is better.

    Args:
        dataset: The rows.
        recipe: What is trained.
        seed: Of the training.
    """
    return train(
        dataset,
        dataset.tasks,
        recipe.network,
        shortened(recipe.budget),
        recipe.settings,
        seed,
        evaluates=False,
    ).criterion
