"""Recommendation: watch, like and rating on MovieLens; cart and purchase on Taobao.

    python examples/recommendation/recommendation.py --data-dir DIR [--quick]

`DIR` holds `ml-100k/` and `taobao_ehcf/`. Results are kept in the folder of `--out`:
what is there is not trained again. The page is `report.html`, the networks
`network.keras`, `small.keras`, `l1.keras`, `few.keras` and `again.keras`. `--quick`
trains the main variants with one seed.

`--validate` compares strengths of the regularizers on the validation part of MovieLens
and leaves the test part alone.
"""

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import polytask  # before Keras: chooses the backend if only one is installed

# What the examples share lies beside their folders.
sys.path.insert(0, str(Path(__file__).parents[2]))

# isort: split
import folds
import report
import taobao_pairs
import variants
from fit import Problem
from network import options_of
from rows import TASKS
from selection import kept_features, savings

from examples.datasets import MovieLens, load_movielens, load_taobao
from examples.example_options import example_options
from polytask.lab.studies import Experiment, Outcome

FOLDS = ("u1", "u2", "u3", "u4", "u5")
IN_FOLDS = (
    variants.SINGLE_ALL,
    variants.SINGLE_TUNED,
    variants.SINGLE_MEMBERS,
    variants.PLAIN,
    variants.ALL,
    variants.BEST,
)
FILES = {
    variants.ALL: "network.keras",
    variants.SMALL: "small.keras",
    variants.L1_ALONE: "l1.keras",
    variants.FEW: "few.keras",
    variants.AGAIN: "again.keras",
}
METRICS = {"watch": "auc", "like": "auc", "rating": "rmse"}


def study_movielens(problem: Problem, options: Any) -> Experiment:
    """Train all variants on the split by time."""
    settings = {
        "quick": options.quick,
        "variants": repr({**variants.SINGLE, **variants.SHARED}),
    }
    experiment = Experiment(options.out / "movielens", METRICS, settings)

    def save_and_look(file: str, model: Any) -> dict[str, Any]:
        """Save a network, and return what it kept and what that saves."""
        model.save(options.out / file)
        return {
            "kept": kept_features(model, problem.catalog),
            "savings": savings(model, problem.evaluations["test"].x),
        }

    runs = [(n, o, False) for n, o in variants.SINGLE.items()]
    runs += [(n, o, True) for n, o in variants.SHARED.items()]
    if options.quick:
        quick = (variants.BASELINE, variants.PLAIN, *FILES)
        runs = [run for run in runs if run[0] in quick]
    for seed in range(options.seeds):
        for name, chosen, together in runs:
            file = FILES.get(name) if not seed else None
            inspect = partial(save_and_look, file) if file else None
            train = partial(problem.outcome, chosen, seed, together, inspect)
            _say(name, seed, experiment.run(name, seed, train))
    return experiment


def validate(problem: Problem, options: Any) -> None:
    """Print what each strength reaches on validation rows.

    Of networks for each task their metrics, of one for all how far it is above no
    regularization.
    """
    experiment = Experiment(
        options.out / "validation",
        METRICS,
        {"quick": options.quick, "variants": repr(variants.CANDIDATES)},
    )
    for name, chosen in variants.CANDIDATES.items():
        alone = f"single-task, {name}"
        for seed in range(options.seeds):
            experiment.run(name, seed, partial(problem.outcome, chosen, seed, True))
            # A task by itself has nothing to balance.
            if chosen.balancer == "equal":
                train = partial(problem.outcome, chosen, seed, False)
                experiment.run(alone, seed, train)
        found = experiment.summary(variants.PLAIN, split="validation")
        metrics = found[alone].metrics if alone in found else {}
        single = "".join(f"{task} {v.mean:.4f}  " for task, v in metrics.items())
        print(f"{name:<36}{single:<44}{found[name].delta_m.signed(2)}", flush=True)


def study_folds(data: MovieLens, epochs: dict[str, int], options: Any) -> Experiment:
    """Train on the official folds, each fold in place of a seed."""
    experiment = Experiment(
        options.out / "folds",
        {"rating": "rmse"},
        {"epochs": epochs, "variants": repr({**variants.SINGLE, **variants.SHARED})},
    )
    networks = {
        title: (tasks, chosen)
        for title, tasks, chosen in (
            *(
                (title, ("rating",), options_of(chosen, "rating"))
                for title, chosen in variants.SINGLE.items()
            ),
            *((title, TASKS, chosen) for title, chosen in variants.SHARED.items()),
        )
        if title in epochs
    }
    for place, name in enumerate(FOLDS[:1] if options.quick else FOLDS, start=1):
        if name not in data.folds:
            continue
        fold = data.folds[name]
        found = experiment.run("biases", place, partial(folds.biases, data, fold))
        _say("biases", place, found)
        for title, (tasks, chosen) in networks.items():
            train = partial(
                folds.network, data, fold, tasks, chosen, epochs[title], seed=place
            )
            _say(title, place, experiment.run(title, place, train))
    return experiment


def study_taobao(data: Any, options: Any) -> tuple[Experiment, taobao_pairs.Pairs]:
    """Compare strengths of the funnel penalty; --quick takes few of the users."""
    users, epochs = (500, 2) if options.quick else (data.users, 6)
    pairs = taobao_pairs.Pairs(data, users)
    experiment = Experiment(
        options.out / "taobao",
        dict.fromkeys(taobao_pairs.STAGES, "auc"),
        {"users": users, "epochs": epochs},
    )
    for seed in range(options.seeds):
        for name, (chosen, together) in taobao_pairs.VARIANTS.items():
            if options.quick and name not in taobao_pairs.QUICK:
                continue
            train = partial(taobao_pairs.outcome, pairs, chosen, seed, together, epochs)
            _say(name, seed, experiment.run(name, seed, train))
    return experiment, pairs


def _say(name: str, seed: int, outcome: Outcome) -> None:
    scores = ", ".join(
        f"{task} {metric} {value:.4f}"
        for task, metrics in outcome.scores["test"].items()
        for metric, value in metrics.items()
    )
    print(f"{name}, {seed}: {scores} ({outcome.seconds:.0f} s)", flush=True)


def _epochs(experiment: Experiment, quick: bool) -> dict[str, int]:
    """Return the number of epochs for the folds: the best one of the first seed."""
    runs = experiment.outcomes()
    return {
        name: runs[name][0].extra["epochs"][
            "rating" if name in variants.SINGLE else "+".join(TASKS)
        ]
        for name in ((variants.ALL,) if quick else IN_FOLDS)
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the example.

    Args:
        arguments: The command line; default: that of the process.
    """
    options = example_options(
        __doc__ or "",
        out="runs/recommendation",
        validate="compare strengths on the validation part of MovieLens",
    ).parse_args(arguments)
    if options.quick:
        options.seeds = 1
    start = time.perf_counter()
    try:
        data = load_movielens(options.data_dir)
        problem = Problem(data, options.quick, options.validate)
        if options.validate:
            validate(problem, options)
            return
        taobao = load_taobao(options.data_dir)
        experiment = study_movielens(problem, options)
        errors = study_folds(data, _epochs(experiment, options.quick), options)
        funnel, pairs = study_taobao(taobao, options)
    except polytask.UserError as error:
        sys.exit(f"recommendation: {error}")
    results = _results(experiment, errors, funnel, problem)
    results["facts"] = [data.facts, taobao.facts]
    results["taobao_text"] = _funnel_text(taobao.facts, pairs)
    results["taobao_rows"] = _funnel_rows(funnel)
    page = report.write(results, options.out)
    print(f"\n{_markdown(report.HEADER, results['rows'])}")
    print(f"\n{time.perf_counter() - start:.0f} s. {page}")


def _results(
    experiment: Experiment,
    errors: Experiment,
    funnel: Experiment,
    problem: Problem,
) -> dict[str, Any]:
    runs = experiment.outcomes()
    single = _in_order(experiment.summary(baseline=variants.BASELINE))
    multi = experiment.summary(baseline=variants.PLAIN)
    ranking = {
        name: float(
            np.mean([o.value("test", "watch", "ndcg@10") for o in outcomes.values()])
        )
        for name, outcomes in runs.items()
    }
    seeds = len(runs[variants.PLAIN])
    name = "+".join(TASKS)
    return {
        "single": single,
        "multi": multi,
        "rows": report.variant_rows(single, multi, ranking),
        "caption": "Split by time within each user; means over "
        f"{seeds} seed{'s' * (seeds > 1)}, Δm and gap with 95 % intervals.",
        "curves": {
            "no regularization": runs[variants.PLAIN][0].extra["curve"][name],
            variants.ALL: runs[variants.ALL][0].extra["curve"][name],
        },
        "kept": {name: runs[name][0].extra["kept"] for name in FILES},
        "savings": {name: runs[name][0].extra["savings"] for name in FILES},
        "folds": {
            title: {f: o.value("test", "rating", "rmse") for f, o in found.items()}
            for title, found in errors.outcomes().items()
        },
        "broken": {
            title: {
                k: float(np.mean([o.extra["broken"][k] for o in found.values()]))
                for k in ("rows", "mean")
            }
            for title, found in _in_order(funnel.outcomes()).items()
        },
        "notes": [
            f"{problem.unseen['item']} validation and test rows of films, and "
            f"{problem.unseen['user']} of users, that no training row has: their id is "
            "read as unknown and they are predicted by their features.",
        ],
    }


def _in_order(found: dict[str, Any]) -> dict[str, Any]:
    """Return the variants in their order here, whenever they were trained."""
    names = [*variants.SINGLE, *variants.SHARED, *taobao_pairs.VARIANTS]
    return {name: found[name] for name in dict.fromkeys(names) if name in found}


def _funnel_text(facts: dict[str, Any], pairs: taobao_pairs.Pairs) -> str:
    rows = facts["rows"]
    share = facts["bought and in the cart"] / (rows["bought"] + rows["bought last"])
    return (
        f"Only {share:.0%} of the purchases in the files have a cart, so the files do "
        "not obey P(purchase) ≤ P(cart). Here the first stage is “put into the cart or "
        f"bought”. {len(pairs.tables['train']):,} training and "
        f"{len(pairs.tables['test']):,} test pairs, each with a random other item."
    )


def _funnel_rows(funnel: Experiment) -> list[list[str]]:
    summary = funnel.summary(baseline="single-task")
    rows = []
    for name, found in _in_order(funnel.outcomes()).items():
        broken = [o.extra["broken"] for o in found.values()]
        rows.append(
            [
                name,
                report.interval(summary[name].delta_m, 2),
                report.plain(summary[name].metrics["cart"], 4),
                report.plain(summary[name].metrics["buy"], 4),
                f"{100 * np.mean([b['rows'] for b in broken]):.1f}",
                f"{np.mean([b['mean'] for b in broken]):.4f}",
            ]
        )
    return rows


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
