"""Which of several recipes suits a table, told by its validation rows."""

from collections.abc import Sequence

from polytask.lab.studies.recommended import Recipe, shortened
from polytask.lab.studies.train import train
from polytask.lab.tables import Dataset

#: A recipe, and the rows as it takes them.
Trial = tuple[Dataset, Recipe]


class ShortTrainings:
    """Validation criteria of short trainings: smaller is better.

    Args:
        seed: Of each training.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._found: list[tuple[Trial, float]] = []

    def criterion(self, trial: Trial) -> float:
        """Return a trial's criterion; what was trained before is not trained again."""
        value = self._known(trial)
        if value is None:
            dataset, recipe = trial
            value = train(
                dataset,
                dataset.tasks,
                recipe.network,
                shortened(recipe.budget),
                recipe.settings,
                self.seed,
                evaluates=False,
            ).criterion
            self._found.append((trial, value))
        return value

    def ahead(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return those of some trials that have not been trained."""
        return [trial for trial in trials if self._known(trial) is None]

    def _known(self, trial: Trial) -> float | None:
        dataset, recipe = trial
        found = (
            value
            for (rows, of), value in self._found
            if rows is dataset and of == recipe
        )
        return next(found, None)


def better(
    dataset: Dataset, recipes: Sequence[Recipe], trainings: ShortTrainings
) -> Recipe:
    """Return the recipe that reaches the best validation criterion in a short training.

    Args:
        dataset: The rows.
        recipes: If all are the same, none is trained.
        trainings: Does them.
    """
    if all(recipe == recipes[0] for recipe in recipes):
        return recipes[0]
    return min(recipes, key=lambda recipe: trainings.criterion((dataset, recipe)))
