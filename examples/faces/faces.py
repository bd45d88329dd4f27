"""Detection, landmarks, recognition and attributes of faces, in one network.

    python examples/faces/faces.py --data-dir DIR [--quick] [--seeds N] [--out DIR]
    python examples/faces/faces.py --data-dir DIR --all-rows

`DIR` holds the folders `mtfl`, `youtube_faces_udacity` and `olivetti`; see the README
beside this file for where they come from and on which terms. Finished trainings are
stored in the folder of the results, so a run that is stopped continues.

The first compares many networks on a part of the training rows, and trains one on all
of them; the second compares that one with a network for each task, trained on all rows.
`--validate` compares the candidates for the network called "regularized" on rows held
out from the training files, and leaves the test rows alone.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

# What the examples share lies beside their folders.
sys.path.insert(0, str(Path(__file__).parents[2]))

# isort: split
# First: it chooses the backend where only one is installed.
from polytask import UserError

# isort: split
from face_all_rows import SINGLE, AllRows
from face_data import Faces, fewer, load, with_task
from face_network import TASKS, Variant
from face_report import write_report
from face_scores import METRICS
from face_training import PART, QUICK, Size, measured, train

from examples.example_options import example_options
from polytask.lab.studies import Experiment, Outcome

# Folder of the networks that are trained on all rows.
ALL = "all rows"
PLAIN = "unregularized"
# A squared error in units of the picture is hundreds of times smaller than a cross-
# entropy: the first factors bring the two nearer, the second to a like size.
NEARER = {"box": 100.0, "landmarks": 100.0}
ALIKE = {"box": 300.0, "landmarks": 1000.0, "identity": 3.0}
# The best of `CANDIDATES` on held-out training rows; see `--validate`.
BEST = Variant("regularized", loss_weights=ALIKE, weight_decay=1.0, early_stopping=True)
VARIANTS = (
    Variant(PLAIN),
    Variant("L2, decoupled (decay 0.05)", weight_decay=0.05),
    Variant("L2, decoupled (decay 1)", weight_decay=1.0),
    Variant("L2, penalty (3e-4)", l2=3e-4),
    Variant("dropout 0.3", dropout=0.3),
    Variant("task early stopping", early_stopping=True),
    Variant("norm by source", source_norm=True),
    Variant("task weights, nearer", loss_weights=NEARER),
    Variant("task weights, alike", loss_weights=ALIKE),
    Variant("uncertainty", balancer="uncertainty"),
    Variant("FAMO", balancer="famo"),
    Variant("Nash-MTL", balancer="nash_mtl"),
    Variant("Nash-MTL, decay 1", balancer="nash_mtl", weight_decay=1.0),
    BEST,
    Variant(
        "nearer, decay 0.05, dropout, norm by source, early stopping",
        loss_weights=NEARER,
        weight_decay=0.05,
        dropout=0.3,
        source_norm=True,
        early_stopping=True,
    ),
)
QUICK_VARIANTS = (VARIANTS[0], BEST)
CANDIDATES = (
    Variant(PLAIN),
    *(
        replace(variant, name=f"{variant.name}, decay {decay:g}", weight_decay=decay)
        for variant in (
            Variant("nearer", loss_weights=NEARER),
            Variant("alike", loss_weights=ALIKE),
            Variant("Nash-MTL", balancer="nash_mtl"),
        )
        for decay in (0.0, 0.3, 1.0, 3.0)
    ),
)


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
        variant = Variant(SINGLE, loss_weights=NEARER)
        held = with_task(data.validation, task)
        model, _ = train(variant, [task], own, held, size, seed)
        parts = {"train": own, "test": with_task(data.test, task)}
        for part, values in measured(model, parts, list(own)).items():
            found[part] |= values
    return Outcome(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not stored yet, and write the report."""
    parser = example_options(
        __doc__,
        out="runs/faces",
        validate='choose the network called "regularized" on held-out training rows',
    )
    parser.add_argument(
        "--all-rows",
        action="store_true",
        help="compare networks that are trained on all rows",
    )
    options = parser.parse_args(arguments)
    if options.validate and options.all_rows:
        parser.error("--validate compares networks on a part of the rows")
    seeds = 1 if options.quick else options.seeds
    data = load(options.data_dir)
    if options.validate:
        data = replace(data, test=data.validation)
    compare = compare_all if options.all_rows else compare_parts
    experiment = compare(options, data, seeds)
    if options.validate:
        say_candidates(experiment)
        return
    full = AllRows(options.out / ALL, data, options.quick).one(0)
    say(f"{BEST.name}, {ALL}", 0, full)
    rows = ALL if options.all_rows else "a part of the rows"
    print(write_report(experiment, full, data, rows))


def compare_parts(options: Namespace, data: Faces, seeds: int) -> Experiment:
    """Compare networks that are trained on a part of the rows."""
    size = QUICK if options.quick else PART
    variants = QUICK_VARIANTS if options.quick else VARIANTS
    if options.validate:
        variants = CANDIDATES
    settings = {
        **asdict(size),
        "rows at hand": data.facts["rows"],
        "validate": options.validate,
    }
    experiment = Experiment(options.out, METRICS, settings)
    trainings: dict[str, Callable[[int], Outcome]] = {}
    if not options.quick:
        trainings[SINGLE] = lambda seed: run_single(data, size, seed)
    for variant in variants:
        trainings[variant.name] = partial(run_multi, variant, data, size)
    for name, training in trainings.items():
        for seed in range(seeds):
            say(name, seed, experiment.run(name, seed, partial(training, seed)))
    return experiment


def compare_all(options: Namespace, data: Faces, seeds: int) -> Experiment:
    """Compare one network for all tasks with one for each, trained on all rows."""
    networks = AllRows(options.out / ALL, data, options.quick)
    for seed in range(seeds):
        say(BEST.name, seed, networks.one(seed))
        say(SINGLE, seed, networks.own(seed))
    return networks.experiment


def say_candidates(experiment: Experiment) -> None:
    """Print how far each candidate is above the unregularized network."""
    for name, found in experiment.summary(baseline=PLAIN).items():
        print(f"{name:<24}{found.delta_m.mean:+7.2f} %")


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
