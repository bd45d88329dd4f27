"""Networks trained on all rows: one for all tasks, or one for each of them."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from face_data import Faces, fewer, with_task
from face_network import TASKS, Variant
from face_scores import METRICS
from face_training import Size, measured, predict, train

from polytask.lab.studies import Experiment, Outcome
from polytask.metric_direction import higher_is_better

# The best of `CANDIDATES` on held-out training rows.
BEST = Variant(
    "regularized",
    loss_weights={"box": 60.0, "landmarks": 200.0, "identity": 1.0},
    weight_decay=0.5,
    large=True,
    places="mae",
    warped=True,
    temperature=2.0,
)
CANDIDATES = (
    Variant("unregularized", large=True),
    BEST,
    replace(BEST, name="places by squares", places="mse"),
    replace(BEST, name="no factors", loss_weights={}),
    replace(BEST, name="sources by size", temperature=1.0),
    replace(BEST, name="mirrored and shifted only", warped=False),
    replace(BEST, name="no decay", weight_decay=0.0),
)
VARIANTS = CANDIDATES[:2]
# Among these each task's own network chooses.
OWN_CANDIDATES = tuple(
    replace(BEST, name=f"decay {decay:g}", weight_decay=decay, loss_weights={})
    for decay in (0.5, 1.0)
)

# Of 100 rows that are drawn for all tasks, 63 are of MTFL and 82 would be by size: so
# many epochs show each of its rows as often as a network of its own sees it.
SIZE = Size({}, 32, batch_size=64)
OWN_EPOCHS = 24
QUICK = Size({"mtfl": 200, "youtube": 120, "olivetti": 80}, 1)
# Rows on which the metrics of the training part are measured.
MEASURED = {"mtfl": 1500, "youtube": 900, "olivetti": 236}
SHOWN = 400


class AllRows:
    """What is trained on all rows, each network once.

    Args:
        folder: Of the stored results.
        data: All rows.
        quick: Whether few rows are enough.
    """

    def __init__(self, folder: Path, data: Faces, quick: bool) -> None:
        self.folder = folder
        self.size = QUICK if quick else SIZE
        rows = fewer(data.train, self.size.rows, 0)
        self.data = replace(data, train=rows)
        self.settings = {
            **asdict(self.size),
            "own epochs": OWN_EPOCHS,
            "rows at hand": data.facts["rows"],
        }
        self.experiment = Experiment(
            folder, METRICS, self.settings, baseline="single-task"
        )

    def one(self, variant: Variant, seed: int) -> Outcome:
        """Return the outcome of one network for all tasks."""
        return self.experiment.run(
            variant.name, seed, partial(self._train_one, variant, seed)
        )

    def own(self, seed: int) -> Outcome:
        """Return the outcome of a network for each task."""
        return self.experiment.run("single-task", seed, partial(self._join, seed))

    def _train_one(self, variant: Variant, seed: int) -> Outcome:
        data = self.data
        model, extra = train(
            variant, TASKS, data.train, data.validation, self.size, seed
        )
        parts = {
            "train": fewer(data.train, MEASURED, seed),
            "validation": data.validation,
            "test": data.test,
        }
        values = measured(model, parts, list(data.train))
        if variant == BEST and seed == 0:
            model.save(self.folder / "faces.keras")
            predicted = predict(model, data.test, list(data.train))
            extra["predicted"] = {
                source: {
                    task: shown[:SHOWN].tolist()
                    for task, shown in outputs.items()
                    if task != "identity"
                }
                for source, outputs in predicted.items()
            }
        return Outcome(values, extra)

    def chosen(self, task: str) -> Variant:
        """Return the candidate that is best for a task on the validation rows."""
        metric = METRICS[task]
        sign = 1 if higher_is_better(metric) else -1

        def score(variant: Variant) -> float:
            outcome = self._alone(task, variant, 0)
            return sign * outcome.value("validation", task, metric)

        return max(OWN_CANDIDATES, key=score)

    def _join(self, seed: int) -> Outcome:
        """Join the networks of all tasks, each of the candidate its task chose."""
        scores: dict[str, dict] = {"train": {}, "validation": {}, "test": {}}
        chosen = {task: self.chosen(task) for task in TASKS}
        for task, variant in chosen.items():
            for part, values in self._alone(task, variant, seed).scores.items():
                scores[part] |= values
        names = {task: variant.name for task, variant in chosen.items()}
        return Outcome(scores, {"chosen": names})

    def _alone(self, task: str, variant: Variant, seed: int) -> Outcome:
        """Return the outcome of a network for one task."""
        own = Experiment(
            self.folder / "alone" / task, {task: METRICS[task]}, self.settings
        )

        def trained() -> Outcome:
            train_rows, held, test = (
                with_task(rows, task)
                for rows in (self.data.train, self.data.validation, self.data.test)
            )
            size = replace(self.size, epochs=min(OWN_EPOCHS, self.size.epochs))
            model, extra = train(variant, [task], train_rows, held, size, seed)
            parts = {
                "train": fewer(train_rows, MEASURED, seed),
                "validation": held,
                "test": test,
            }
            return Outcome(measured(model, parts, list(train_rows)), extra)

        return own.run(variant.name, seed, trained)
