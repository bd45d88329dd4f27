"""Detection, landmarks, recognition and attributes of faces, in one network.

    python examples/faces/faces.py --data-dir DIR [--quick] [--seeds N] [--out DIR]

`DIR` holds the folders `mtfl`, `youtube_faces_udacity` and `olivetti`; see the README
beside this file for where they come from and on which terms. Finished trainings are
stored in the folder of the results, so a run that is stopped continues.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# isort: split
# First: it chooses the backend where only one is installed.
from polytask import UserError

# isort: split
import keras
import numpy as np
from face_data import Augmented, Faces, Rows, fewer, load, with_task
from face_network import TASKS, Variant, build, compile_network
from face_report import write_report
from face_scores import METRICS, scores

from polytask.callbacks import TaskEarlyStopping
from polytask.studies import Experiment, Outcome, example_options

SINGLE = "single-task"
PLAIN = "unregularized"
# A squared error in units of the picture is hundreds of times smaller than a cross-
# entropy: these factors bring the two to a like size.
LIKE_SIZE = {"box": 100.0, "landmarks": 100.0}
VARIANTS = (
    Variant(PLAIN),
    Variant("L2, decoupled (decay 0.05)", weight_decay=0.05),
    Variant("L2, penalty (3e-4)", l2=3e-4),
    Variant("dropout 0.3", dropout=0.3),
    Variant("task early stopping", early_stopping=True),
    Variant("norm by source", source_norm=True),
    Variant("task weights", loss_weights=LIKE_SIZE),
    Variant("uncertainty", balancer="uncertainty"),
    Variant("FAMO", balancer="famo"),
    Variant("Nash-MTL", balancer="nash_mtl"),
)
BEST = Variant(
    "regularized",
    loss_weights=LIKE_SIZE,
    weight_decay=0.05,
    dropout=0.3,
    source_norm=True,
    early_stopping=True,
)


@dataclass(frozen=True)
class Size:
    """How much is trained; `rows` are drawn for each seed."""

    rows: dict[str, int]
    epochs: int
    full_epochs: int
    batch_size: int = 64
    rate: float = 3e-3
    patience: int = 3


FULL = Size({"mtfl": 2000, "youtube": 1200, "olivetti": 240}, 10, 20)
QUICK = Size({"mtfl": 200, "youtube": 120, "olivetti": 80}, 1, 1)


def train(
    variant: Variant,
    tasks: Sequence[str],
    rows: Rows,
    held: Rows,
    size: Size,
    seed: int,
) -> tuple[keras.Model, dict]:
    """Return a trained network, and what its training was like."""
    keras.utils.set_random_seed(seed)
    source_input = "source" if variant.source_norm else None
    data = [
        mixture(
            {
                k: ({"picture": x}, y) if source_input else (x, y)
                for k, (x, y) in r.items()
            },
            size.batch_size,
            source_input=source_input,
            seed=seed,
        )
        for mixture, r in ((Augmented, rows), (Augmented, held))
    ]
    epochs = (
        size.full_epochs if rows_of(rows) > sum(size.rows.values()) else size.epochs
    )
    model = build(variant, tasks, len(rows))
    compile_network(model, variant, size.rate, epochs * len(data[0]))
    stopping = TaskEarlyStopping(patience=size.patience)
    callbacks = [stopping] if variant.early_stopping else []
    history = model.fit(
        data[0],
        epochs=epochs,
        validation_data=data[1].all_rows() if callbacks else None,
        callbacks=callbacks,
        verbose=0,
    ).history
    curves = {name: [float(v) for v in values] for name, values in history.items()}
    return model, {"history": curves, "stopped": stopping.stopped_tasks}


def rows_of(rows: Rows) -> int:
    """Return the number of rows of all sources."""
    return sum(len(x) for x, _ in rows.values())


def predict(model: keras.Model, rows: Rows, order: Sequence[str]) -> dict:
    """Return source → task → output."""
    found = {}
    for source, (x, _) in rows.items():
        inputs = x
        if len(model.inputs) > 1:
            index = np.full(len(x), list(order).index(source), "int32")
            inputs = {"picture": x, "source": index}
        found[source] = model.predict(inputs, batch_size=256, verbose=0)
    return found


def measured(model: keras.Model, parts: dict[str, Rows], order: Sequence[str]) -> dict:
    """Return split → task → metric → value."""
    return {p: scores(predict(model, rows, order), rows) for p, rows in parts.items()}


def run_multi(variant: Variant, data: Faces, size: Size, seed: int) -> Outcome:
    """Train one network for all tasks."""
    rows = fewer(data.train, size.rows, seed)
    model, extra = train(variant, TASKS, rows, data.validation, size, seed)
    parts = {"train": rows, "test": data.test}
    return Outcome(measured(model, parts, list(rows)), extra)


def run_single(data: Faces, size: Size, seed: int) -> Outcome:
    """Train a network of the same trunk for each task, on the rows it has labels on."""
    rows = fewer(data.train, size.rows, seed)
    found: dict[str, dict] = {"train": {}, "test": {}}
    for task in TASKS:
        own = with_task(rows, task)
        variant = Variant(SINGLE, loss_weights=LIKE_SIZE)
        held = with_task(data.validation, task)
        model, _ = train(variant, [task], own, held, size, seed)
        parts = {"train": own, "test": with_task(data.test, task)}
        for part, values in measured(model, parts, list(own)).items():
            found[part] |= values
    return Outcome(found)


def run_full(data: Faces, size: Size, out: Path) -> Outcome:
    """Train the regularized network on all rows, and keep it."""
    model, extra = train(BEST, TASKS, data.train, data.validation, size, 0)
    predicted = predict(model, data.test, list(data.train))
    kept = {
        s: {t: v[:400].tolist() for t, v in p.items() if t != "identity"}
        for s, p in predicted.items()
    }
    model.save(out / "faces.keras")
    parts = {"train": fewer(data.train, size.rows, 0), "test": data.test}
    values = measured(model, parts, list(data.train))
    return Outcome(values, {**extra, "predicted": kept})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not stored yet, and write the report."""
    options = example_options(__doc__, out="runs/faces").parse_args(arguments)
    size = QUICK if options.quick else FULL
    variants = (VARIANTS[0], BEST) if options.quick else (*VARIANTS, BEST)
    seeds = 1 if options.quick else options.seeds
    data = load(options.data_dir)
    experiment = Experiment(
        options.out, METRICS, {**asdict(size), "rows at hand": data.facts["rows"]}
    )
    full = experiment_full(options.out, data, size)
    for seed in range(seeds):
        say(
            SINGLE,
            seed,
            experiment.run(SINGLE, seed, lambda s=seed: run_single(data, size, s)),
        )
        for variant in variants:
            outcome = experiment.run(
                variant.name,
                seed,
                lambda v=variant, s=seed: run_multi(v, data, size, s),
            )
            say(variant.name, seed, outcome)
    print(write_report(options.out, experiment, full, data))


def experiment_full(out: Path, data: Faces, size: Size) -> Outcome:
    """Return the outcome of the full training, trained once."""
    whole = Experiment(out / "full", METRICS, asdict(size))
    outcome = whole.run(BEST.name, 0, lambda: run_full(data, size, out))
    say(f"{BEST.name}, all rows", 0, outcome)
    return outcome


def say(name: str, seed: int, outcome: Outcome) -> None:
    """Print one line about a training."""
    values = ", ".join(
        f"{task} {outcome.value('test', task, metric):.3f}"
        for task, metric in METRICS.items()
    )
    print(f"{name}, seed {seed}: {values} ({outcome.seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
