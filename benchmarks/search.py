"""What TPE with halving saves against random search, and pruning against NSGA-II.

    python benchmarks/search.py [--objective pareto] [--study digits] [--repeats 10]
    python benchmarks/search.py --study census --data-dir DIR --rows 2000 --epochs 20

Trials of all tasks together, in the usual space of `polytask search`; repeats differ in
the seed of the sampler and of the networks.

mean: epochs until the final validation criterion of random search (in which no trial
ends early) is reached, by random search itself and by TPE with halving, which goes on
for up to four times as many trials; and what both have reached after as many epochs as
the first trials of TPE took.

pareto: hypervolume of the front of the tasks' losses (against losses of 1) of NSGA-II
with and without pruning, after as many epochs as the cheaper of the two took.

Epochs and not seconds: the figures do not depend on the machine.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import optuna

from polytask.lab.studies import Study
from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.search.book import Book
from polytask.lab.studies.search.pruning import Pruning
from polytask.lab.studies.search.space import Candidate, Space
from polytask.lab.studies.search.trials import Trial, groups
from polytask.lab.studies.structure import values_of
from polytask.lab.tables import Split
from polytask_options import Search, Settings

BATCH = Search().batch
MOST = 4
DRAWS = 20_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--study", default="digits")
    parser.add_argument("--data-dir", type=Path, help="where Census lies")
    parser.add_argument("--rows", type=int, help="training rows, and validation rows")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="seed of the first repeat")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--objective", choices=("mean", "pareto"), default="mean")
    flags = parser.parse_args()
    study = Study.load(flags.study).narrowed(epochs=flags.epochs)
    if flags.data_dir:
        study = replace(study, data=replace(study.data, data_dir=str(flags.data_dir)))
    searching = Searching(study, flags.trials, flags.rows)
    measure = fronts if flags.objective == "pareto" else means_reached
    measure(searching, range(flags.first, flags.first + flags.repeats))


def means_reached(searching, seeds):
    print(
        "repeat  random, all epochs  until its best  TPE with halving  ratio"
        "  at epoch  random: best     TPE"
    )
    ratios, regrets = [], []
    for seed in seeds:
        random = searching.curves("random", seed, prunes=False)
        goal = min(means(curve).min() for curve in random)
        tpe = searching.curves("tpe", seed, prunes=True, goal=goal)
        total, spent = sum(map(len, random)), epochs_until(random, goal)
        needed = epochs_until(tpe, goal)
        ratios.append(needed / spent)
        same = sum(map(len, tpe[: searching.trials]))
        reached = [best_within(curves, same) for curves in (random, tpe)]
        regrets.append(reached[1] / reached[0] - 1)
        print(
            f"{seed:6}  {total:18}  {spent:14}  {needed:16}  {ratios[-1]:5.2f}"
            f"  {same:8}  {reached[0]:12.4f}  {reached[1]:6.4f}",
            flush=True,
        )
    print(f"median ratio {np.median(ratios):.2f}")
    print(f"median criterion at equal epochs {100 * np.median(regrets):+.1f} %")


def fronts(searching, seeds):
    print("repeat  epochs: plain  pruned  hypervolume: plain  pruned")
    wins = 0
    for seed in seeds:
        plain, pruned = (
            searching.curves("nsga2", seed, prunes=prunes, pareto=True)
            for prunes in (False, True)
        )
        spent = [sum(map(len, curves)) for curves in (plain, pruned)]
        volumes = [hypervolume(curves, min(spent)) for curves in (plain, pruned)]
        wins += volumes[1] >= volumes[0]
        print(
            f"{seed:6}  {spent[0]:13}  {spent[1]:6}  {volumes[0]:18.4f}"
            f"  {volumes[1]:6.4f}",
            flush=True,
        )
    print(f"pruned at least as good in {wins} of {len(seeds)}")


class Searching:
    """Searches of one study without storing anything.

    Args:
        study: Names data, network and budget.
        trials: Of each search.
        rows: So many training and so many validation rows; None for all.
    """

    def __init__(self, study, trials, rows=None):
        self.study, self.trials = study, trials
        dataset, _ = load_data(study.data)
        if rows is not None:
            parts = {n: some(dataset.splits[n], rows) for n in ("train", "validation")}
            dataset = replace(dataset, **parts)
        self.dataset = dataset
        self.tasks = [task.name for task in self.dataset.tasks]
        self.space = Space()
        self.base = Candidate(study.network, study.budget, Settings())
        widest = next(iter(self.space.extremes(self.base, self.tasks).values()))
        self.values = values_of(widest.settings, single=False)

    def curves(self, sampler, seed, prunes, pareto=False, goal=0.0):
        """Return the relative losses of each trial by epoch.

        With a goal there are as many more trials as it takes to reach it.
        """
        book = Book(
            optuna.storages.InMemoryStorage(),
            "benchmark",
            "",
            self.space.parameters(self.tasks),
            sampler,
            seed,
            BATCH,
            len(self.tasks) if pareto else 1,
        )
        most = MOST * self.trials if goal else self.trials
        for start in range(0, most, BATCH):
            earlier = book.finished(start)
            reached = epochs_until([e.tried.numbers for e in earlier], goal) < np.inf
            if start >= self.trials and reached:
                break
            known = {"": [entry.tried.numbers for entry in earlier]}
            left = {"": [entry.tried.left for entry in earlier]}
            rule = Pruning(self.study.budget.epochs, pareto, known, left)
            batch = [
                Trial("", number, seed, self.space.candidate(self.base, drawn))
                for number, drawn in book.asked(start, min(BATCH, most - start)).items()
            ]
            number_of = {trial.run: trial.number for trial in batch}
            for group in groups(batch, rule if prunes else None, self.values, True):
                group.train(
                    self.dataset,
                    lambda run, epoch: None,
                    lambda run, tried, of=number_of: book.tell(of[run], tried),
                )
        return [entry.tried.numbers for entry in book.finished()]


def some(split, rows):
    chosen = np.random.default_rng(0).permutation(len(split))[:rows]
    return Split(split.x[chosen], {task: y[chosen] for task, y in split.y.items()})


def means(curve):
    return np.asarray(curve, float).mean(axis=1)


def epochs_until(curves, goal):
    """Return how many epochs pass, trial after trial, until the goal is reached."""
    spent = 0
    for curve in curves:
        reached = np.flatnonzero(means(curve) <= goal)
        if reached.size:
            return spent + int(reached[0]) + 1
        spent += len(curve)
    return np.inf


def best_within(curves, epochs):
    """Return the smallest criterion of so many epochs, trial after trial."""
    passed = np.concatenate([means(curve) for curve in curves])[:epochs]
    return np.nanmin(passed)


def hypervolume(curves, epochs):
    """Return the share of the unit cube that the trials of so many epochs dominate."""
    points, spent = [], 0
    for curve in curves:
        part = curve[: max(0, epochs - spent)]
        spent += len(part)
        if len(part):
            points.append(part[int(np.argmin(means(part)))])
    draws = np.random.default_rng(0).random((DRAWS, len(points[0])))
    dominated = np.zeros(DRAWS, bool)
    for point in points:
        dominated |= (np.asarray(point) <= draws).all(axis=1)
    return dominated.mean()


if __name__ == "__main__":
    main()
