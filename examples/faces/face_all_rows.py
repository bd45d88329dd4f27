"""Networks trained on all rows: one for all tasks, or one for each of them."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from face_data import Faces, Rows, fewer, with_task
from face_network import TASKS, Variant
from face_scores import METRICS
from face_training import PART, QUICK, Size, measured, predict, train

from polytask.lab.studies import Experiment, Outcome

SINGLE = "single-task"
# Chosen on held-out training rows; the README beside this file says by which steps.
BEST = Variant(
    "regularized",
    loss_weights={"box": 60.0, "landmarks": 200.0, "identity": 1.0},
    weight_decay=0.5,
    large=True,
    places="mae",
    warped=True,
    temperature=2.0,
)
OWN = replace(BEST, name=SINGLE, loss_weights={})

# Of 100 rows that are drawn for all tasks, 63 are of MTFL and 82 would be by size: so
# many epochs show each of its rows as often as a network of its own sees it.
SIZE = Size({}, 32, batch_size=64)
OWN_EPOCHS = 24
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
        self.experiment = Experiment(folder, METRICS, self.settings, baseline=SINGLE)

    def one(self, seed: int) -> Outcome:
        """Return the outcome of one network for all tasks."""
        return self.experiment.run(BEST.name, seed, partial(self._train_one, seed))

    def own(self, seed: int) -> Outcome:
        """Return the outcome of a network of the same recipe for each task."""
        return self.experiment.run(SINGLE, seed, partial(self._join, seed))

    def _train_one(self, seed: int) -> Outcome:
        data = self.data
        model, extra = train(BEST, TASKS, data.train, data.validation, self.size, seed)
        rows = (data.train, data.validation, data.test)
        values = measured(model, _parts(rows, seed), list(data.train))
        if seed == 0:
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

    def _join(self, seed: int) -> Outcome:
        """Join the networks of all tasks."""
        scores: dict[str, dict] = {"train": {}, "validation": {}, "test": {}}
        for task in TASKS:
            for part, values in self._alone(task, seed).scores.items():
                scores[part] |= values
        return Outcome(scores)

    def _alone(self, task: str, seed: int) -> Outcome:
        """Return the outcome of a network for one task."""
        own = Experiment(
            self.folder / "alone" / task, {task: METRICS[task]}, self.settings
        )

        def trained() -> Outcome:
            data = self.data
            rows = tuple(
                with_task(part, task)
                for part in (data.train, data.validation, data.test)
            )
            size = replace(self.size, epochs=min(OWN_EPOCHS, self.size.epochs))
            model, extra = train(OWN, [task], *rows[:2], size, seed)
            values = measured(model, _parts(rows, seed), list(rows[0]))
            return Outcome(values, extra)

        return own.run(SINGLE, seed, trained)


def _parts(rows: tuple[Rows, ...], seed: int) -> dict[str, Rows]:
    """Name training, validation and test rows, of training rows no more than a part."""
    train_rows, held, test = rows
    return {
        "train": fewer(train_rows, PART.rows, seed),
        "validation": held,
        "test": test,
    }
