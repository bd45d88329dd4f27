"""Every balancer on two problems: what does it gain over single-task networks?"""

import sys
from pathlib import Path

import polytask

# What the examples share lies beside their folders.
sys.path.insert(0, str(Path(__file__).parents[2]))

# isort: split
import keras
import numpy as np
from problems import Problem, census, opposed

from examples.example_options import example_options
from polytask import balancing
from polytask.callbacks import ConflictMonitor
from polytask.lab.metrics import evaluate
from polytask.lab.studies import Experiment, Outcome, Settings
from polytask.lab.studies.batches import Batches
from polytask.lab.studies.epoch_selection import EpochSelection
from polytask.lab.studies.network import build_network
from polytask.lab.studies.predictor import Predictor

SINGLE = "single-task"
#: `fixed` needs weights of the user.
BALANCERS = [name for name in balancing.names() if name != "fixed"]
LOOK_EVERY = 10


class Trainer:
    """Trains one network with one balancer again and again, compiled once."""

    def __init__(self, problem: Problem, balancer: str, task: str = "") -> None:
        self.problem = problem
        self.tasks = tuple(t for t in problem.dataset.tasks if task in ("", t.name))
        self.model = self._network()
        self.model.compile(
            keras.optimizers.Adam(problem.budget.learning_rate),
            loss={t.name: t.rules.loss for t in self.tasks},
            balancer=balancer,
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self.start = [np.array(v.numpy()) for v in self.model.optimizer.variables]
        # Equal weights show what the gradients are like where nothing balances them.
        self.monitor = []
        if not task and balancer == "equal":
            self.monitor = [ConflictMonitor(every=LOOK_EVERY)]

    def _network(self) -> polytask.MultiTaskModel:
        features = self.problem.dataset.train.x.shape[1]
        return build_network(self.tasks, features, self.problem.network, Settings())

    def train(self, seed: int) -> Outcome:
        """Train from new weights; return the scores of the best epoch."""
        keras.utils.set_random_seed(seed)
        self.model.set_weights(self._network().get_weights())
        for variable, value in zip(
            self.model.optimizer.variables, self.start, strict=True
        ):
            variable.assign(value)
        dataset, budget = self.problem.dataset, self.problem.budget
        selection = EpochSelection(dataset, self.tasks, budget.patience)
        history = self.model.fit(
            Batches(dataset.train, self.tasks, budget.batch_size, seed),
            epochs=budget.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[selection, *self.monitor],
        ).history
        selection.restore()
        scores = {}
        for name, split in dataset.splits.items():
            found = Predictor(split.x, self.tasks)(self.model)
            scores[name] = {
                t.name: evaluate(t, split.y[t.name], found[t.name])[0]
                for t in self.tasks
            }
        extra = {
            name: float(np.nanmean(values))
            for name, values in history.items()
            if name == "conflict" or name.endswith(("_weight", "_cosine", "_norm"))
        }
        return Outcome(scores, {**extra, "epoch": selection.best_epoch})


def together(outcomes: list[Outcome]) -> Outcome:
    """Return the single-task outcomes of one seed as one."""
    scores: dict = {}
    for outcome in outcomes:
        for split, tasks in outcome.scores.items():
            scores.setdefault(split, {}).update(tasks)
    return Outcome(scores)


def compare(
    problem: Problem, experiment: Experiment, names: list[str], seeds: int
) -> None:
    """Train what is not stored yet."""
    stored = experiment.outcomes()

    def missing(variant: str) -> list[int]:
        return [s for s in range(seeds) if s not in stored.get(variant, {})]

    if wanted := missing(SINGLE):
        alone = [Trainer(problem, "equal", t.name) for t in problem.dataset.tasks]
        for seed in wanted:
            experiment.run(
                SINGLE, seed, lambda s=seed: together([a.train(s) for a in alone])
            )
    for name in names:
        if wanted := missing(name):
            trainer = Trainer(problem, name)
            for seed in wanted:
                experiment.run(name, seed, lambda s=seed, t=trainer: t.train(s))
            print(f"{problem.dataset.name}: {name}", flush=True)


def table(problem: Problem, experiment: Experiment) -> str:
    """Return the results in Markdown, best first."""
    rows = experiment.summary(SINGLE)
    tasks = [t.name for t in problem.dataset.tasks]
    outcomes = experiment.outcomes()
    lines = [
        f"| balancer | Δm, 95 % interval | {' | '.join(tasks)} | conflict | seconds |",
        "|---" * (4 + len(tasks)) + "|",
    ]
    order = sorted(rows, key=lambda n: (n != SINGLE, -rows[n].delta_m.mean))
    for name in order:
        row = rows[name]
        delta = "0" if name == SINGLE else row.delta_m.signed(2)
        cells = [f"{row.metrics[t].mean:.4g}" for t in tasks]
        found = [
            o.extra["conflict"]
            for o in outcomes[name].values()
            if "conflict" in o.extra
        ]
        conflict = f"{100 * np.mean(found):.0f} %" if found else ""
        cells += [conflict, f"{row.seconds:.1f}"]
        lines.append(
            f"| {name} | {'0' if name == SINGLE else delta} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = example_options(__doc__, out="runs/balancers", seeds=3)
    parser.add_argument(
        "--problem", choices=("opposed", "census"), default="opposed", help="which one"
    )
    parser.add_argument("--only", help="balancers, separated by commas; default: all")
    options = parser.parse_args()
    if options.problem == "census":
        problem = census(options.data_dir, options.quick)
    else:
        problem = opposed(options.quick)
    names = options.only.split(",") if options.only else BALANCERS
    experiment = Experiment(
        options.out / options.problem,
        {t.name: problem.metric for t in problem.dataset.tasks},
        {
            "quick": options.quick,
            "budget": vars(problem.budget),
            "network": vars(problem.network),
        },
    )
    compare(problem, experiment, names, options.seeds)
    print(table(problem, experiment))


if __name__ == "__main__":
    main()
